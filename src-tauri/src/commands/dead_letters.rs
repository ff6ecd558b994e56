use tauri::State;
use tauri::ipc::Channel;
use workbench::{
    DeadLetterInbox, FailureGroups, GroupAsk, GroupMembers, GroupPage, GroupPageAsk, GroupingId, PeekProgress,
    ProfileId, Workbench,
};

use super::{Answer, fault};
use crate::stream::{Tasks, send};

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_dead_letters(workbench: State<'_, Workbench>, profile: ProfileId) -> Answer<DeadLetterInbox> {
    workbench.list_dead_letters(profile).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn group_failures(
    workbench: State<'_, Workbench>,
    tasks: State<'_, Tasks>,
    ask: GroupAsk,
    task: String,
    channel: Channel<PeekProgress>,
) -> Answer<FailureGroups> {
    let task = tasks.start(task);
    let progress = move |read, of| send(&channel, PeekProgress { read, of });
    workbench.group_failures(ask, task.token.clone(), progress).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn page_group(workbench: State<'_, Workbench>, ask: GroupPageAsk) -> Answer<GroupPage> {
    workbench.page_group(ask).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn group_members(
    workbench: State<'_, Workbench>,
    grouping: GroupingId,
    group: u32,
) -> Answer<Vec<GroupMembers>> {
    workbench.group_members(grouping, group).map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn close_grouping(workbench: State<'_, Workbench>, grouping: GroupingId) -> Answer<()> {
    workbench.close_grouping(grouping);
    Ok(())
}

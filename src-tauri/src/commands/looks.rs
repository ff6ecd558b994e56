use broker::{LookCost, QueueName};
use tauri::State;
use tauri::ipc::Channel;
use workbench::{GuardView, LookOffer, PeekEnd, PeekProgress, ProfileId, Workbench};

use super::{Answer, fault};
use crate::stream::{Tasks, send};

#[tauri::command]
#[specta::specta]
pub(crate) async fn offer_look(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    queue: QueueName,
    n: u32,
) -> Answer<LookOffer> {
    workbench.offer_look(profile, queue, n.into()).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
#[allow(clippy::too_many_arguments, reason = "each is one argument of the window's call")]
pub(crate) async fn peek_queue(
    workbench: State<'_, Workbench>,
    tasks: State<'_, Tasks>,
    profile: ProfileId,
    queue: QueueName,
    n: u32,
    accepted: Option<LookCost>,
    task: String,
    channel: Channel<PeekProgress>,
) -> Answer<PeekEnd> {
    let task = tasks.start(task);
    let progress = move |progress| send(&channel, progress);
    workbench.peek_queue(profile, queue, n.into(), accepted, task.token.clone(), progress).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn show_guard(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    queue: QueueName,
) -> Answer<GuardView> {
    workbench.show_guard(profile, queue).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn apply_guard(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    queue: QueueName,
) -> Answer<GuardView> {
    workbench.apply_guard(profile, queue).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn take_back_guard(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    queue: QueueName,
) -> Answer<()> {
    workbench.take_back_guard(profile, queue).await.map_err(fault)
}

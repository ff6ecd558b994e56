use std::path::PathBuf;

use tauri::State;
use tauri::ipc::Channel;
use workbench::{
    AtRest, CaptureView, Dropped, ImportProgress, KeepLimits, ProfileAtRest, ProfileId, Room, SearchAsk, SearchEnd,
    SearchStep, Workbench,
};

use super::{Answer, fault};
use crate::stream::{Tasks, send};

#[tauri::command]
#[specta::specta]
pub(crate) async fn search_captures(
    workbench: State<'_, Workbench>,
    tasks: State<'_, Tasks>,
    ask: SearchAsk,
    task: String,
    channel: Channel<SearchStep>,
) -> Answer<SearchEnd> {
    let task = tasks.start(task);
    let told = move |step| send(&channel, step);
    workbench.search_captures(ask, task.token.clone(), told).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn import_capture(
    workbench: State<'_, Workbench>,
    tasks: State<'_, Tasks>,
    path: PathBuf,
    name: String,
    profile: Option<ProfileId>,
    task: String,
    channel: Channel<ImportProgress>,
) -> Answer<CaptureView> {
    let task = tasks.start(task);
    let progress = move |progress| send(&channel, progress);
    let importing = workbench.import_capture(&path, name, profile, task.token.clone(), progress);
    Box::pin(importing).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn keep_limits(workbench: State<'_, Workbench>) -> Answer<Room> {
    workbench.keep_limits().await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn would_drop(workbench: State<'_, Workbench>, limits: KeepLimits) -> Answer<Dropped> {
    workbench.would_drop(limits).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn set_keep_limits(workbench: State<'_, Workbench>, limits: KeepLimits) -> Answer<Dropped> {
    workbench.set_keep_limits(limits).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_at_rest(workbench: State<'_, Workbench>) -> Answer<Vec<ProfileAtRest>> {
    workbench.list_at_rest().await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn set_at_rest(workbench: State<'_, Workbench>, profile: ProfileId, at_rest: AtRest) -> Answer<()> {
    workbench.set_at_rest(profile, at_rest).await.map_err(fault)
}

use tauri::State;
use workbench::{ConnectionView, ProfileId, Workbench};

use super::{Answer, fault};

#[tauri::command]
#[specta::specta]
pub(crate) async fn open_connection(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    secret: Option<String>,
) -> Answer<ConnectionView> {
    workbench.open_connection(profile, secret).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn close_connection(workbench: State<'_, Workbench>, profile: ProfileId) -> Answer<()> {
    workbench.close_connection(profile).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_connections(workbench: State<'_, Workbench>) -> Answer<Vec<ConnectionView>> {
    Ok(workbench.list_connections())
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn refresh_connection(workbench: State<'_, Workbench>, profile: ProfileId) -> Answer<()> {
    workbench.refresh_connection(profile).map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn set_paused(workbench: State<'_, Workbench>, profile: ProfileId, paused: bool) -> Answer<()> {
    workbench.set_paused(profile, paused).map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn set_writes(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    on: bool,
) -> Answer<ConnectionView> {
    workbench.set_writes(profile, on).await.map_err(fault)
}

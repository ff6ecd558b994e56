use tauri::State;
use workbench::{CaptureId, Edit, EditPreview, EditRule, Workbench};

use super::{Answer, fault};

#[tauri::command]
#[specta::specta]
pub(crate) async fn preview_edit(
    workbench: State<'_, Workbench>,
    capture: CaptureId,
    messages: Vec<u32>,
    edit: Edit,
) -> Answer<Vec<EditPreview>> {
    let messages = messages.into_iter().map(u64::from).collect();
    workbench.preview_edit(capture, messages, edit).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_edit_rules(workbench: State<'_, Workbench>) -> Answer<Vec<EditRule>> {
    workbench.edit_rules().await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn save_edit_rule(workbench: State<'_, Workbench>, name: String, edit: Edit) -> Answer<EditRule> {
    workbench.save_edit_rule(&name, edit).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_edit_rule(workbench: State<'_, Workbench>, name: String) -> Answer<()> {
    workbench.remove_edit_rule(&name).await.map_err(fault)
}

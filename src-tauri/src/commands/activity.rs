use tauri::State;
use workbench::{ActivityAsk, ActivityPage, Workbench};

use super::{Answer, fault};

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_activity(workbench: State<'_, Workbench>, ask: ActivityAsk) -> Answer<ActivityPage> {
    workbench.list_activity(ask).await.map_err(fault)
}

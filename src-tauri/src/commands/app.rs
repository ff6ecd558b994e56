use std::path::PathBuf;

use broker::Form;
use serde::Serialize;
use tauri::ipc::Channel;
use tauri::{AppHandle, Manager, State};
use tauri_plugin_dialog::DialogExt;
use tokio::sync::oneshot;
use workbench::{AppEvent, Workbench};

use super::{Answer, fault};
use crate::stream::{Tasks, forward};

/// What the window asks once, at its start.
#[derive(Debug, Clone, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppInfo {
    version: String,
    data_dir: PathBuf,
    /// Where exports are proposed: a folder that the user looks into.
    export_dir: PathBuf,
    kinds: Vec<KindInfo>,
}

/// One kind of broker that can be connected to.
#[derive(Debug, Clone, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KindInfo {
    kind: String,
    form: Form,
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn app_info(app: AppHandle, workbench: State<'_, Workbench>) -> Answer<AppInfo> {
    let folders = [app.path().document_dir(), app.path().home_dir()];
    let kinds = workbench.drivers().iter();
    Ok(AppInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data_dir: workbench.data_dir().to_owned(),
        export_dir: first_there(folders.into_iter().flatten()).unwrap_or_else(|| workbench.data_dir().to_owned()),
        kinds: kinds.map(|driver| KindInfo { kind: driver.kind().to_string(), form: driver.form() }).collect(),
    })
}

/// The first of these that is a folder.
fn first_there(folders: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    folders.into_iter().find(|folder| folder.is_dir())
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn watch_app(workbench: State<'_, Workbench>, channel: Channel<AppEvent>) -> Answer<()> {
    forward(&workbench, channel);
    Ok(())
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn cancel_task(tasks: State<'_, Tasks>, task: String) -> Answer<()> {
    tasks.cancel(&task);
    Ok(())
}

/// Asks where to save, in the system's own dialog. `null`: the user thought better of it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn choose_save_path(app: AppHandle, suggested: String) -> Answer<Option<String>> {
    let (chosen, answer) = oneshot::channel();
    app.dialog().file().set_file_name(suggested).save_file(|path| drop(chosen.send(path)));
    Ok(answer.await.ok().flatten().map(|path| path.to_string()))
}

/// Asks for a file, in the system's own dialog. `null`: the user thought better of it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn choose_file(app: AppHandle) -> Answer<Option<String>> {
    let (chosen, answer) = oneshot::channel();
    app.dialog().file().pick_file(|path| drop(chosen.send(path)));
    Ok(answer.await.ok().flatten().map(|path| path.to_string()))
}

/// The user stays where closing was asked about.
#[tauri::command]
#[specta::specta]
pub(crate) async fn keep_open(workbench: State<'_, Workbench>) -> Answer<()> {
    workbench.keep_open();
    Ok(())
}

/// Tells all jobs that run here to stop. Whether all have ended.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_jobs(workbench: State<'_, Workbench>) -> Answer<bool> {
    Ok(workbench.stop_jobs().await)
}

/// Closes the window without asking once more.
#[tauri::command]
#[specta::specta]
pub(crate) async fn close_window(app: AppHandle) -> Answer<()> {
    crate::app::close(&app);
    Ok(())
}

/// Whether the system tells of jobs that end while nobody looks.
#[tauri::command]
#[specta::specta]
pub(crate) async fn notifies(workbench: State<'_, Workbench>) -> Answer<bool> {
    workbench.notifies().await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn set_notifies(workbench: State<'_, Workbench>, on: bool) -> Answer<()> {
    workbench.set_notifies(on).await.map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_proposed_in_the_first_folder_that_is_there() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let (missing, there) = (home.path().join("Documents"), home.path().to_owned());
        assert_eq!(first_there([missing.clone(), there.clone()]), Some(there));
        assert_eq!(first_there([missing]), None, "a folder is not made for it");
    }
}

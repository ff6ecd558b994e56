use std::path::PathBuf;

use tauri::State;
use tauri::ipc::Channel;
use workbench::{
    BodyView, CaptureId, CaptureView, ExportFormat, Exported, MessagePage, MessageView, PeekProgress, ProfileId,
    ViewAsk, ViewId, ViewOpened, Workbench,
};

use super::{Answer, fault};
use crate::stream::{RawBytes, Tasks, send};

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_captures(
    workbench: State<'_, Workbench>,
    profile: Option<ProfileId>,
) -> Answer<Vec<CaptureView>> {
    workbench.list_captures(profile).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn keep_snapshot(
    workbench: State<'_, Workbench>,
    capture: CaptureId,
    name: String,
    note: String,
) -> Answer<CaptureView> {
    workbench.keep_snapshot(capture, name, note).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_capture(workbench: State<'_, Workbench>, capture: CaptureId) -> Answer<()> {
    workbench.remove_capture(capture).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn open_view(workbench: State<'_, Workbench>, ask: ViewAsk) -> Answer<ViewOpened> {
    workbench.open_view(ask).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn page_view(workbench: State<'_, Workbench>, view: ViewId, from: u32, n: u32) -> Answer<MessagePage> {
    workbench.page_view(view, from.into(), n).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn close_view(workbench: State<'_, Workbench>, view: ViewId) -> Answer<()> {
    workbench.close_view(view);
    Ok(())
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn show_message(workbench: State<'_, Workbench>, capture: CaptureId, n: u32) -> Answer<MessageView> {
    workbench.show_message(capture, n.into()).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn show_body(workbench: State<'_, Workbench>, capture: CaptureId, n: u32) -> Answer<BodyView> {
    workbench.show_body(capture, n.into()).await.map_err(fault)
}

/// A part of a body as raw bytes, at most 1 MiB.
#[tauri::command]
#[specta::specta]
pub(crate) async fn read_body(
    workbench: State<'_, Workbench>,
    capture: CaptureId,
    n: u32,
    from: u32,
    len: u32,
) -> Answer<RawBytes> {
    workbench.read_body(capture, n.into(), from.into(), len).await.map(RawBytes).map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn save_body(
    workbench: State<'_, Workbench>,
    capture: CaptureId,
    n: u32,
    path: PathBuf,
) -> Answer<Exported> {
    workbench.save_body(capture, n.into(), &path).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
#[allow(clippy::too_many_arguments, reason = "each is one argument of the window's call")]
pub(crate) async fn export_view(
    workbench: State<'_, Workbench>,
    tasks: State<'_, Tasks>,
    view: ViewId,
    numbers: Option<Vec<u32>>,
    format: ExportFormat,
    path: PathBuf,
    task: String,
    channel: Channel<PeekProgress>,
) -> Answer<Exported> {
    let task = tasks.start(task);
    let numbers = numbers.map(|numbers| numbers.into_iter().map(u64::from).collect());
    let progress = move |read, of| send(&channel, PeekProgress { read, of });
    workbench.export_view(view, numbers, format, &path, task.token.clone(), progress).await.map_err(fault)
}

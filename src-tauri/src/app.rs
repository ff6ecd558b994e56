use std::path::PathBuf;
use std::sync::Arc;

use broker::Driver;
use tauri::{AppHandle, Builder, CloseRequestApi, Manager, RunEvent, Runtime, WindowEvent, Wry};
use workbench::{Keychain, Options, Workbench};

use crate::{bindings, logs, notices};

/// Stands for the data folder of the user, for tests and for several stores side by side.
const DATA_DIR_VARIABLE: &str = "QUEUESCOPE_DATA_DIR";

/// The brokers we ship: one line each.
pub(crate) fn drivers() -> Vec<Arc<dyn Driver>> {
    vec![Arc::new(rabbitmq::RabbitDriver), Arc::new(sandbox::SandboxDriver::new())]
}

#[allow(
    clippy::disallowed_methods,
    reason = "the context macro holds an exit for broken assets, before anything is open"
)]
pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
    // Two TLS stacks are in the tree; without this the first handshake panics over which one to use.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| "a TLS provider is installed already")?;
    let builder = bindings::builder();
    let app = alone(Builder::default())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .invoke_handler(builder.invoke_handler())
        .setup(|app| {
            let data_dir = data_dir(app)?;
            let _logs = app.manage(logs::start(&data_dir)?);
            let options = Options { data_dir, drivers: drivers(), secrets: Arc::new(Keychain::default()) };
            let workbench = tauri::async_runtime::block_on(Workbench::open(options))?;
            app.manage(workbench);
            notices::pass_on(app.handle());
            app.manage(crate::stream::Tasks::default());
            Ok(())
        })
        .build(tauri::generate_context!())?;
    app.run(on_event);
    Ok(())
}

/// Closing is asked about while jobs run; with the program everything is closed in order.
pub(crate) fn on_event<R: Runtime>(app: &AppHandle<R>, event: RunEvent) {
    match event {
        RunEvent::WindowEvent { event: WindowEvent::CloseRequested { api, .. }, .. } => ask_first(app, &api),
        RunEvent::Exit => {
            let workbench = app.state::<Workbench>().inner().clone();
            tauri::async_runtime::block_on(workbench.close());
        }
        _ => {}
    }
}

/// One program for one store: a second start shows the window of the first. Whoever names a folder of its own has a store
/// of its own, and starts beside it. The plugin asks to be the first.
fn alone(builder: Builder<Wry>) -> Builder<Wry> {
    if std::env::var_os(DATA_DIR_VARIABLE).is_some() {
        return builder;
    }
    builder.plugin(tauri_plugin_single_instance::init(|app, _arguments, _folder| show(app)))
}

fn ask_first<R: Runtime>(app: &AppHandle<R>, api: &CloseRequestApi) {
    if !app.state::<Workbench>().may_close_window() {
        api.prevent_close();
        show(app);
    }
}

/// Brings the window in front of everything else.
fn show<R: Runtime>(app: &AppHandle<R>) {
    for window in app.webview_windows().values() {
        let shown = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
        if let Err(error) = shown {
            tracing::warn!(%error, "the window does not come to the front");
        }
    }
}

/// Closes the window, whatever runs.
pub(crate) fn close(app: &AppHandle) {
    for window in app.webview_windows().values() {
        if let Err(error) = window.destroy() {
            tracing::warn!(%error, "the window does not close");
        }
    }
}

fn data_dir(app: &tauri::App) -> tauri::Result<PathBuf> {
    match std::env::var_os(DATA_DIR_VARIABLE) {
        Some(folder) => Ok(folder.into()),
        None => app.path().app_data_dir(),
    }
}

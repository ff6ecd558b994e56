use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use specta::Types;
use specta::datatype::DataType;
use specta_typescript::define;
use tauri::ipc::{Channel, InvokeResponseBody, IpcResponse};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use workbench::{AppEvent, Workbench};

/// Long calls of the window, by the name the window gave them, so that it can cancel them.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<HashMap<String, CancellationToken>>);

impl Tasks {
    /// Starts one. The token is forgotten when the guard is dropped.
    pub(crate) fn start(&self, name: String) -> Task<'_> {
        let token = CancellationToken::new();
        self.lock().insert(name.clone(), token.clone());
        Task { tasks: self, name, token }
    }

    /// Asks one to stop. One that has ended is none.
    pub(crate) fn cancel(&self, name: &str) {
        if let Some(token) = self.lock().get(name) {
            token.cancel();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One long call.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    tasks: &'a Tasks,
    name: String,
    pub(crate) token: CancellationToken,
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.tasks.lock().remove(&self.name);
    }
}

/// Bytes that reach the window as they are, not as a list of numbers.
#[derive(Debug)]
pub(crate) struct RawBytes(pub(crate) Vec<u8>);

impl IpcResponse for RawBytes {
    fn body(self) -> tauri::Result<InvokeResponseBody> {
        Ok(InvokeResponseBody::Raw(self.0))
    }
}

impl specta::Type for RawBytes {
    fn definition(_: &mut Types) -> DataType {
        define("ArrayBuffer").into()
    }
}

/// Sends to the window. A window that has gone is no error of the deed.
pub(crate) fn send<T: tauri::ipc::IpcResponse + Clone>(channel: &Channel<T>, value: T) {
    if channel.send(value).is_err() {
        tracing::debug!("the window has gone");
    }
}

/// Passes the workbench's events on until the window has gone.
pub(crate) fn forward(workbench: &Workbench, channel: Channel<AppEvent>) {
    let mut events = workbench.events();
    tauri::async_runtime::spawn(async move {
        loop {
            let event = match events.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => AppEvent::Lagged,
                Err(RecvError::Closed) => return,
            };
            if channel.send(event).is_err() {
                return;
            }
        }
    });
}

//! Notifications of the system: what became of a job while nobody looks at the window.

use notify_rust::{Notification, NotificationHandle};
use tauri::{AppHandle, Manager, Runtime};
use tokio::sync::broadcast::error::RecvError;
use workbench::{JobNotice, Workbench};

const PROGRAM: &str = "Queuescope";

/// Passes on what there is to tell, for as long as the program runs.
pub(crate) fn pass_on<R: Runtime>(app: &AppHandle<R>) {
    let (app, workbench) = (app.clone(), app.state::<Workbench>().inner().clone());
    let mut events = workbench.events();
    tauri::async_runtime::spawn(async move {
        // Some desktops take a notification away with the connection that brought it.
        let mut shown: Option<NotificationHandle> = None;
        let mut silent = false;
        loop {
            let event = match events.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            let Some(notice) = workbench.news_of(event, is_looked_at(&app)).await else { continue };
            match tauri::async_runtime::spawn_blocking(move || written(&notice).show()).await {
                Ok(Ok(handle)) => shown = Some(handle),
                // A desktop without notifications says so each time.
                Ok(Err(error)) if !silent => {
                    tracing::info!(%error, "the system shows no notification");
                    silent = true;
                }
                Ok(Err(_)) => {}
                Err(error) => tracing::warn!(%error, "a notification broke off"),
            }
            tracing::trace!(is_shown = shown.is_some(), "told of a job");
        }
    });
}

fn is_looked_at<R: Runtime>(app: &AppHandle<R>) -> bool {
    app.webview_windows().values().any(|window| window.is_focused().unwrap_or(false))
}

fn written(notice: &JobNotice) -> Notification {
    let mut written = Notification::new();
    written.appname(PROGRAM).summary(&notice.title).body(&plain(&notice.text));
    written
}

/// Desktops of Linux read the body as markup; names of queues are not ours.
fn plain(text: &str) -> String {
    match cfg!(target_os = "linux") {
        true => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use workbench::{JobId, ProfileId};

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_queues_name_is_no_markup_in_a_notification() {
        let notice = JobNotice {
            job: JobId::new(),
            profile: ProfileId::new(),
            title: "7 messages discarded".to_owned(),
            text: "<a href=\"http://x\">dead</a>, job 12: 7 discarded".to_owned(),
            well: true,
            asked_for: false,
            undoable: true,
            no_undo: None,
        };
        let written = written(&notice);
        assert_eq!(written.summary, "7 messages discarded");
        assert_eq!(written.body, "&lt;a href=\"http://x\"&gt;dead&lt;/a&gt;, job 12: 7 discarded");
    }
}

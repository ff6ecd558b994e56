use broker::{CheckStep, Settings};
use tauri::State;
use tauri::ipc::Channel;
use tokio::sync::mpsc;
use workbench::{Profile, ProfileDraft, ProfileId, SavedProfile, Workbench};

use super::{Answer, fault};
use crate::stream::send;

/// Lines of a connection test that may wait for the window.
const STEPS_MAX: usize = 64;

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_profiles(workbench: State<'_, Workbench>) -> Answer<Vec<Profile>> {
    workbench.list_profiles().await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn save_profile(
    workbench: State<'_, Workbench>,
    draft: ProfileDraft,
    secret: Option<String>,
) -> Answer<SavedProfile> {
    workbench.save_profile(draft, secret).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_profile(workbench: State<'_, Workbench>, profile: ProfileId) -> Answer<()> {
    workbench.remove_profile(profile).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn read_url(workbench: State<'_, Workbench>, kind: String, url: String) -> Answer<Settings> {
    workbench.read_url(&kind, &url).map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn check_connection(
    workbench: State<'_, Workbench>,
    draft: ProfileDraft,
    secret: Option<String>,
    channel: Channel<CheckStep>,
) -> Answer<()> {
    let (sender, mut steps) = mpsc::channel(STEPS_MAX);
    let told = async {
        while let Some(step) = steps.recv().await {
            send(&channel, step);
        }
    };
    let (checked, ()) = tokio::join!(workbench.check_connection(draft, secret, sender), told);
    checked.map_err(fault)
}

use tauri::State;
use workbench::{
    Draft, DraftFrom, DraftId, DraftOffer, DraftRevision, DraftRow, KeptDraft, OpenDraft, ProfileId, Published,
    Template, Workbench,
};

use super::{Answer, fault};

#[tauri::command]
#[specta::specta]
pub(crate) async fn begin_draft(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    from: DraftFrom,
) -> Answer<OpenDraft> {
    workbench.begin_draft(profile, from).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn open_draft(workbench: State<'_, Workbench>, draft: DraftId) -> Answer<OpenDraft> {
    workbench.open_draft(draft).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn keep_draft(workbench: State<'_, Workbench>, draft: Draft) -> Answer<KeptDraft> {
    workbench.keep_draft(draft).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_drafts(workbench: State<'_, Workbench>, profile: ProfileId) -> Answer<Vec<DraftRow>> {
    workbench.drafts(profile).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn give_up_draft(workbench: State<'_, Workbench>, draft: DraftId) -> Answer<()> {
    workbench.give_up_draft(draft).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn offer_draft(workbench: State<'_, Workbench>, draft: Draft) -> Answer<DraftOffer> {
    workbench.offer_draft(draft).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn publish_draft(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    revision: DraftRevision,
) -> Answer<Published> {
    workbench.publish_draft(profile, revision).await.map_err(fault)
}

/// The names alone: what a template says is read when a message is begun with it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_templates(workbench: State<'_, Workbench>) -> Answer<Vec<String>> {
    workbench.template_names().await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn save_template(workbench: State<'_, Workbench>, name: String, draft: Draft) -> Answer<Template> {
    workbench.save_template(&name, draft).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_template(workbench: State<'_, Workbench>, name: String) -> Answer<()> {
    workbench.remove_template(&name).await.map_err(fault)
}

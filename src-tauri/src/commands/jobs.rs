use std::path::PathBuf;

use tauri::State;
use workbench::{
    AnswerFor, Bounces, DeedAsk, Exported, JobId, JobRowAsk, JobRowPage, JobView, PlanId, PlanSet, ProfileId,
    ReopenedPlan, ResultFormat, Resume, RowFilter, SavedPlan, Workbench,
};

use super::{Answer, fault};

#[tauri::command]
#[specta::specta]
pub(crate) async fn make_plans(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    asks: Vec<DeedAsk>,
) -> Answer<PlanSet> {
    workbench.make_plans(profile, asks).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn start_plans(
    workbench: State<'_, Workbench>,
    plans: Vec<PlanId>,
    typed: Option<String>,
) -> Answer<Vec<JobId>> {
    workbench.start_plans(plans, typed).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn discard_plan(workbench: State<'_, Workbench>, plan: PlanId) -> Answer<()> {
    workbench.discard_plan(plan).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_plans(workbench: State<'_, Workbench>, profile: Option<ProfileId>) -> Answer<Vec<SavedPlan>> {
    workbench.list_plans(profile).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn reopen_plan(workbench: State<'_, Workbench>, plan: PlanId) -> Answer<ReopenedPlan> {
    workbench.reopen_plan(plan).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_job(workbench: State<'_, Workbench>, job: JobId) -> Answer<()> {
    workbench.stop_job(job).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn pause_job(workbench: State<'_, Workbench>, job: JobId) -> Answer<()> {
    workbench.pause_job(job).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn resume_job(
    workbench: State<'_, Workbench>,
    job: JobId,
    resume: Resume,
    typed: Option<String>,
) -> Answer<()> {
    workbench.resume_job(job, resume, typed).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn show_job(workbench: State<'_, Workbench>, job: JobId) -> Answer<JobView> {
    workbench.show_job(job).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn job_rows(workbench: State<'_, Workbench>, job: JobId, ask: JobRowAsk) -> Answer<JobRowPage> {
    workbench.job_rows(job, ask).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn export_job(
    workbench: State<'_, Workbench>,
    job: JobId,
    only: RowFilter,
    text: String,
    format: ResultFormat,
    path: PathBuf,
) -> Answer<Exported> {
    workbench.export_job(job, only, text, format, &path).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn look_for_bounces(workbench: State<'_, Workbench>, job: JobId) -> Answer<Bounces> {
    workbench.look_for_bounces(job).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_jobs(workbench: State<'_, Workbench>, profile: Option<ProfileId>) -> Answer<Vec<JobView>> {
    workbench.list_jobs(profile).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn reconcile_job(workbench: State<'_, Workbench>, job: JobId) -> Answer<JobView> {
    workbench.reconcile_job(job).await.map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn answer_job(
    workbench: State<'_, Workbench>,
    job: JobId,
    answers: Vec<AnswerFor>,
) -> Answer<JobView> {
    workbench.answer_job(job, answers).await.map_err(fault)
}

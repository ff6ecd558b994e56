use tauri_specta::{Builder, ErrorHandlingMode, collect_commands};

use crate::commands::{
    activity, app, captures, connections, dead_letters, drafts, edits, jobs, looks, profiles, queues, snapshots,
};

/// Every command of the window, in one list. What the window may call is generated from it.
pub(crate) fn builder() -> Builder<tauri::Wry> {
    // One shape a type: serialised and deserialised forms are the same here.
    let builder = Builder::new().error_handling(ErrorHandlingMode::Throw).disable_serde_phases();
    builder.commands(collect_commands![
        app::app_info,
        app::watch_app,
        app::cancel_task,
        app::choose_save_path,
        app::choose_file,
        app::keep_open,
        app::stop_jobs,
        app::close_window,
        app::notifies,
        app::set_notifies,
        profiles::list_profiles,
        profiles::save_profile,
        profiles::remove_profile,
        profiles::read_url,
        profiles::check_connection,
        connections::open_connection,
        connections::close_connection,
        connections::list_connections,
        connections::refresh_connection,
        connections::set_paused,
        connections::set_writes,
        queues::list_queues,
        queues::show_queue,
        queues::list_exchanges,
        queues::show_exchange,
        looks::offer_look,
        looks::peek_queue,
        looks::show_guard,
        looks::apply_guard,
        looks::take_back_guard,
        captures::list_captures,
        captures::keep_snapshot,
        captures::remove_capture,
        captures::open_view,
        captures::page_view,
        captures::close_view,
        captures::show_message,
        captures::show_body,
        captures::read_body,
        captures::save_body,
        captures::export_view,
        snapshots::search_captures,
        snapshots::import_capture,
        snapshots::keep_limits,
        snapshots::would_drop,
        snapshots::set_keep_limits,
        snapshots::list_at_rest,
        snapshots::set_at_rest,
        dead_letters::list_dead_letters,
        dead_letters::group_failures,
        dead_letters::page_group,
        dead_letters::group_members,
        dead_letters::close_grouping,
        drafts::begin_draft,
        drafts::open_draft,
        drafts::keep_draft,
        drafts::list_drafts,
        drafts::give_up_draft,
        drafts::offer_draft,
        drafts::publish_draft,
        drafts::list_templates,
        drafts::save_template,
        drafts::remove_template,
        edits::preview_edit,
        edits::list_edit_rules,
        edits::save_edit_rule,
        edits::remove_edit_rule,
        jobs::make_plans,
        jobs::start_plans,
        jobs::discard_plan,
        jobs::list_plans,
        jobs::reopen_plan,
        jobs::stop_job,
        jobs::pause_job,
        jobs::resume_job,
        jobs::show_job,
        jobs::job_rows,
        jobs::export_job,
        jobs::look_for_bounces,
        jobs::list_jobs,
        jobs::reconcile_job,
        jobs::answer_job,
        activity::list_activity,
    ])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use specta_typescript::Typescript;

    use super::builder;

    const GENERATED: &str = "../ui/src/ipc/generated/bindings.ts";

    /// With `UPDATE_BINDINGS=1` the file is written instead.
    #[test]
    fn the_windows_bindings_are_those_of_the_commands() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GENERATED);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let fresh = folder.path().join("bindings.ts");
        builder().export(Typescript::default(), &fresh).expect("the bindings can be generated");
        let fresh = std::fs::read_to_string(fresh).expect("generated just now");
        if std::env::var_os("UPDATE_BINDINGS").is_some() {
            std::fs::write(&path, &fresh).expect("the bindings can be written");
        }
        let committed = std::fs::read_to_string(&path).expect("the bindings are committed");
        assert!(committed == fresh, "stale: run UPDATE_BINDINGS=1 cargo test -p queuescope bindings");
    }
}

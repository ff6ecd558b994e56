use broker::{ExchangeName, QueueName};
use tauri::State;
use workbench::{ExchangeAsk, ExchangePage, ExchangeView, ProfileId, QueueAsk, QueuePage, QueueView, Workbench};

use super::{Answer, fault};

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_queues(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    ask: QueueAsk,
) -> Answer<QueuePage> {
    workbench.list_queues(profile, &ask).map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn show_queue(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    queue: QueueName,
) -> Answer<QueueView> {
    workbench.show_queue(profile, &queue).map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn list_exchanges(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    ask: ExchangeAsk,
) -> Answer<ExchangePage> {
    workbench.list_exchanges(profile, &ask).map_err(fault)
}

#[tauri::command]
#[specta::specta]
pub(crate) async fn show_exchange(
    workbench: State<'_, Workbench>,
    profile: ProfileId,
    exchange: ExchangeName,
) -> Answer<ExchangeView> {
    workbench.show_exchange(profile, &exchange).map_err(fault)
}

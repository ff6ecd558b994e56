//! Messages of a capture, printed.

use clap::Args;
use workbench::{BodyFormat, CaptureId, ExportFormat, FieldView, MessageColumn, MessageRow, ViewAsk, ViewId};

use crate::failure::Failure;
use crate::out::clean;
use crate::session::Session;
use crate::times;

/// Messages that are asked for at once.
const PAGE: u32 = 500;
const STEP: &str = "    ";

/// Which messages are printed, and how much of them.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Print {
    /// Only messages that match: TEXT, header.NAME=VALUE, body.PATH=VALUE; several joined by a space mean and
    #[arg(long, value_name = "EXPR", default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
    /// Print headers and the whole body, up to 1 MiB (with --json the body is always whole)
    #[arg(long)]
    pub(crate) full: bool,
}

/// How many there were, and how many of them match.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printed {
    pub(crate) matching: u64,
    pub(crate) of: u64,
}

impl Print {
    /// Prints messages of a capture in their order, at most `n`.
    pub(crate) async fn run(&self, session: &Session, capture: CaptureId, n: u64) -> Result<Printed, Failure> {
        let ask = ViewAsk { capture, filter: self.filter.clone(), sort: MessageColumn::Position, descending: false };
        let opened = session.workbench.open_view(ask).await?;
        let printed = self.pages(session, capture, opened.view, opened.shown.min(n)).await;
        session.workbench.close_view(opened.view);
        printed?;
        Ok(Printed { matching: opened.shown, of: opened.capture.messages })
    }

    async fn pages(&self, session: &Session, capture: CaptureId, view: ViewId, n: u64) -> Result<(), Failure> {
        let mut from = 0;
        while from < n {
            let page = u32::try_from(n - from).unwrap_or(PAGE).min(PAGE);
            let rows = session.workbench.page_view(view, from, page).await?.rows;
            if rows.is_empty() {
                break;
            }
            from += rows.len() as u64;
            for row in rows {
                if session.stop.is_cancelled() {
                    return Err(Failure::interrupted());
                }
                self.message(session, capture, &row).await?;
            }
        }
        Ok(())
    }

    async fn message(&self, session: &Session, capture: CaptureId, row: &MessageRow) -> Result<(), Failure> {
        let out = &session.out;
        if out.json {
            return out.bytes(&session.workbench.message_line(capture, row.n, ExportFormat::Jsonl).await?);
        }
        out.line(&heading(row))?;
        if !self.full {
            return out.line(&format!("{STEP}{}", clean(&row.preview)));
        }
        let message = session.workbench.show_message(capture, row.n).await?;
        for (title, fields) in [("property", &message.properties), ("header", &message.headers)] {
            for field in fields {
                out.line(&named(title, field))?;
            }
        }
        let body = session.workbench.show_body(capture, row.n).await?;
        match body.format {
            BodyFormat::Empty => out.line(&format!("{STEP}(no body)"))?,
            BodyFormat::Binary => {
                out.line(&format!("{STEP}{} (binary; --json has it as base64)", clean(&row.preview)))?
            }
            _ => body.text.lines().try_for_each(|line| out.line(&format!("{STEP}{}", clean(line))))?,
        }
        if body.bytes_shown < body.bytes_total && body.format != BodyFormat::Binary {
            out.line(&format!("{STEP}({} of {} bytes)", body.bytes_shown, body.bytes_total))?;
        }
        Ok(())
    }
}

fn heading(row: &MessageRow) -> String {
    let mut parts = vec![format!("#{}", row.n)];
    parts.extend(row.message_id.clone());
    if !row.exchange.as_str().is_empty() {
        parts.push(format!("exchange {}", row.exchange));
    }
    if !row.routing_key.is_empty() {
        parts.push(format!("key {}", row.routing_key));
    }
    parts.push(format!("{} bytes", row.size));
    if let Some(reason) = &row.reason {
        let at = row.died_at.map(|at| format!(" {}", times::shown(at))).unwrap_or_default();
        parts.push(format!("died: {reason}{at}"));
    }
    if let Some(count) = row.delivery_count.filter(|count| *count > 0) {
        parts.push(format!("delivered {count}x before"));
    }
    clean(&parts.join("  "))
}

fn named(title: &str, field: &FieldView) -> String {
    let deep = "  ".repeat(usize::try_from(field.depth).unwrap_or(0).min(20));
    let cut = if field.truncated { " …" } else { "" };
    clean(&format!("{STEP}{title} {deep}{} ({}) = {}{cut}", field.name, field.type_name, field.value))
}

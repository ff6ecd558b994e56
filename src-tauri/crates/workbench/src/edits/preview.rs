//! What an edit would do, shown on a few messages before any plan is made.

use std::collections::HashMap;

use broker::{Message, Name, Table, Value};
use serde::Serialize;

use super::{Edit, Editor};
use crate::captures::{fields, shown_body};
use crate::connections::FieldView;
use crate::store::in_background;
use crate::{BodyView, CaptureId, Error, Result, Workbench};

/// Messages that are shown at once.
const MESSAGES_MAX: usize = 20;
/// Of all bodies together, before and after.
const BODIES_BYTES_MAX: usize = 1024 * 1024;
/// Of the headers that differ, on each side.
const HEADERS_MAX: usize = 64;

/// One message before and after an edit.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct EditPreview {
    /// Its number in the capture.
    #[specta(type = u32)]
    pub n: u64,
    pub before: EditSide,
    /// `None`: it cannot be edited.
    pub after: Option<EditSide>,
    /// Something of it is changed.
    pub changed: bool,
    /// Why it cannot be edited: "step 2 (jq): the program gives no result". Holds nothing of its body.
    pub why_not: Option<String>,
}

/// A message as it is on one side of an edit.
#[derive(Debug, Clone, PartialEq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct EditSide {
    /// The bodies of all messages together, before and after, are shown up to 1 MiB, in equal parts; `bytesShown` tells
    /// how much of this one.
    pub body: BodyView,
    /// The headers that are not the same on the other side, at most 64.
    pub headers: Vec<FieldView>,
    /// How many are the same.
    pub headers_same: u32,
}

impl Workbench {
    /// What the edit would do to these messages of a capture, at most 20. Nothing is kept and nothing is sent.
    ///
    /// [`Error::Invalid`] where the edit can never be carried out for the kind of broker that the capture is of, or where
    /// none or too many messages are asked for; [`Error::NoSuch`] where one of them does not exist.
    pub async fn preview_edit(&self, capture: CaptureId, messages: Vec<u64>, edit: Edit) -> Result<Vec<EditPreview>> {
        if messages.is_empty() || messages.len() > MESSAGES_MAX {
            return Err(Error::Invalid { why: format!("between 1 and {MESSAGES_MAX} messages can be shown at once") });
        }
        let record = self.inner.captures.record(capture).await?;
        let rules = self.driver(&record.kind).ok().map(|driver| driver.rules());
        let check = move || match rules {
            Some(rules) => edit.check_for(rules.as_ref()).and_then(|()| Editor::new(&edit)),
            None => Editor::new(&edit),
        };
        let mut editor = in_background("check the edit", check).await?;
        let body_bytes_max = BODIES_BYTES_MAX / 2 / messages.len();
        let mut previews = Vec::with_capacity(messages.len());
        for n in messages {
            let before = self.inner.captures.load(capture, n).await?.message;
            let after = editor.apply(before.clone()).await;
            previews
                .push(in_background("show the edit", move || Ok(preview(n, &before, after, body_bytes_max))).await?);
        }
        Ok(previews)
    }
}

fn preview(n: u64, before: &Message, after: Result<Message, String>, body_bytes_max: usize) -> EditPreview {
    let side = |this: &Message, other: &Message| {
        let (headers, headers_same) = different(&this.headers, &other.headers);
        EditSide { body: shown(&this.body, body_bytes_max), headers, headers_same }
    };
    match after {
        Ok(after) => EditPreview {
            n,
            before: side(before, &after),
            changed: after != *before,
            after: Some(side(&after, before)),
            why_not: None,
        },
        Err(why) => EditPreview { n, before: side(before, before), after: None, changed: false, why_not: Some(why) },
    }
}

/// A body within its part of the bound; what grows beyond it when it is indented is shown as it was sent.
fn shown(body: &[u8], bytes_max: usize) -> BodyView {
    let start = &body[..body.len().min(bytes_max)];
    let mut view = shown_body(start, body.len() as u64);
    if view.text.len() > bytes_max {
        view.text = String::from_utf8_lossy(start).into_owned();
        view.indented = false;
        view.note = Some("too large when indented: shown as it was sent".to_owned());
    }
    if start.len() < body.len() {
        view.note = Some(format!("only its first {} bytes are shown", view.bytes_shown));
    }
    view
}

/// The headers of the one side that are not on the other, and how many are on both.
fn different(these: &Table, others: &Table) -> (Vec<FieldView>, u32) {
    let mut there: HashMap<(&Name, &Value), u32> = HashMap::new();
    others.iter().for_each(|header| *there.entry(header).or_default() += 1);
    let mut same = 0;
    let only_here = these.iter().filter(|header| match there.get_mut(header) {
        Some(left) if *left > 0 => {
            *left -= 1;
            same += 1;
            false
        }
        _ => true,
    });
    let only_here: Table = only_here.map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut views = fields(&only_here);
    views.truncate(HEADERS_MAX);
    (views, same)
}

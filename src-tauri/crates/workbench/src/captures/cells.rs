//! Text as a cell of a table that a spreadsheet opens.

use std::borrow::Cow;

/// What makes a spreadsheet compute a cell, where it begins with it; the wide ones are turned into the plain ones by some.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// The text, of which no spreadsheet makes a formula: payloads are hostile. Where it could, an apostrophe comes before it.
pub(crate) fn inert(text: &str) -> Cow<'_, str> {
    match text.starts_with(FORMULA) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_computed() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"] {
            assert_eq!(inert(text), format!("'{text}"));
        }
        for text in ["", "order 1", "a=b", " =1", "'=1", "é"] {
            assert_eq!(inert(text), text, "it is left as it is");
        }
    }
}

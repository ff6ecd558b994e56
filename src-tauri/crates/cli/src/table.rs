//! Rows of text in columns.

use crate::failure::Failure;
use crate::out::{Out, clean};

/// What stands where something is not known.
pub(crate) const UNKNOWN: &str = "?";
/// A cell is cut there, in characters: one long name must not push everything else off the screen.
const CELL_MAX: usize = 60;
const GAP: &str = "  ";

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
    /// The last column: as long as it is.
    Whole,
}

/// A table for people.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len(), "every column has a cell");
        let cut = |(cell, (_, side)): (String, &(_, Side))| {
            let cell = clean(&cell);
            match cell.char_indices().nth(CELL_MAX) {
                Some((end, _)) if *side != Side::Whole => format!("{}…", &cell[..end]),
                _ => cell,
            }
        };
        self.rows.push(cells.into_iter().zip(&self.columns).map(cut).collect());
    }

    pub(crate) fn print(&self, out: &Out) -> Result<(), Failure> {
        self.lines().iter().try_for_each(|line| out.line(line))
    }

    fn lines(&self) -> Vec<String> {
        let heads: Vec<String> = self.columns.iter().map(|(head, _)| head.to_uppercase()).collect();
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| &row[column]).chain([&heads[column]]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: &Vec<String>| {
            let aligned = cells.iter().zip(&widths).zip(&self.columns).map(|((cell, width), (_, side))| match side {
                Side::Right => format!("{cell:>width$}"),
                Side::Left => format!("{cell:<width$}"),
                Side::Whole => cell.clone(),
            });
            aligned.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
        };
        [&heads].into_iter().chain(&self.rows).map(line).collect()
    }
}

/// A number, or that it is not known.
pub(crate) fn or_unknown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_heads() {
        let mut table = Table::new(&[("queue", Side::Left), ("ready", Side::Right), ("state", Side::Whole)]);
        table.row(["orders.dead".into(), or_unknown(Some(1204)), "x".into()]);
        table.row(["a".into(), or_unknown::<u64>(None), String::new()]);
        assert_eq!(table.lines(), ["QUEUE        READY  STATE", "orders.dead   1204  x", "a                ?"],);
    }

    #[test]
    fn a_long_name_is_cut_and_the_last_column_is_not() {
        let mut table = Table::new(&[("a", Side::Left), ("b", Side::Whole)]);
        table.row(["é".repeat(200), "w".repeat(200)]);
        let row = &table.lines()[1];
        assert_eq!(row.chars().filter(|sign| *sign == 'é').count(), CELL_MAX);
        assert_eq!(row.chars().filter(|sign| *sign == 'w').count(), 200);
    }
}

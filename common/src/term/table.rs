//! Tables as kubectl prints them: upper-case headers, two blanks between columns, no lines, nothing behind the last
//! cell of a row.

use comfy_table::{CellAlignment, ContentArrangement, presets};

use super::{Label, Style};

/// A table under construction. Cells may be painted.
#[derive(Debug, Clone, Default)]
pub struct Table {
    headers: Vec<String>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
    without_headers: bool,
}

impl Table {
    /// A table with these headers; a header that begins with `>` is of a right-aligned column.
    pub fn new<'h>(headers: impl IntoIterator<Item = &'h str>) -> Self {
        let (right, headers) = headers
            .into_iter()
            .map(|header| match header.strip_prefix('>') {
                Some(header) => (true, header.to_owned()),
                None => (false, header.to_owned()),
            })
            .unzip();
        Self { headers, right, rows: Vec::new(), without_headers: false }
    }

    /// Leaves the headers out (`--no-headers`).
    #[must_use]
    pub fn no_headers(mut self, leave_out: bool) -> Self {
        self.without_headers = leave_out;
        self
    }

    /// Adds a row; missing cells are empty.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) -> &mut Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, each line with its end; empty without rows and headers.
    pub fn render(&self, style: &Style) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if !self.without_headers {
            table.add_row(self.headers.iter().map(|header| style.paint(Label::Muted, header)));
        }
        for row in &self.rows {
            let missing = self.headers.len().saturating_sub(row.len());
            table.add_row(row.iter().cloned().chain(std::iter::repeat_n(String::new(), missing)));
        }
        for (at, right) in self.right.iter().enumerate() {
            if let Some(column) = table.column_mut(at) {
                column.set_padding((0, 2));
                if *right {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        table.lines().map(|line| format!("{}\n", trim_end_painted(&line))).collect()
    }
}

/// Cuts trailing blanks, also those in front of a final reset of colour.
fn trim_end_painted(line: &str) -> &str {
    line.trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_like_kubectl() {
        let mut table = Table::new(["NODEPOOL", ">TYPES", "STOPPED-BY"]);
        table.row(["on-demand", "835", "limits/cpu"]).row(["spot", "0"]);
        insta::assert_snapshot!(table.render(&Style::PIPE), @r"
        NODEPOOL   TYPES  STOPPED-BY
        on-demand    835  limits/cpu
        spot           0
        ");
    }

    #[test]
    fn colour_does_not_move_columns() {
        let style = Style { color: true, ..Style::PIPE };
        let mut table = Table::new(["NAME", "AGE"]);
        table.row([style.paint(Label::Name, "a"), "1d".to_owned()]).row(["long-name", "2d"]);
        let lines: Vec<String> = table.render(&style).lines().map(str::to_owned).collect();
        assert_eq!(super::super::visible_width(&lines[1]), super::super::visible_width(&lines[2]));
    }

    #[test]
    fn headers_can_be_left_out() {
        let mut table = Table::new(["NAME"]).no_headers(true);
        table.row(["a"]);
        assert_eq!(table.render(&Style::PIPE), "a\n");
    }
}

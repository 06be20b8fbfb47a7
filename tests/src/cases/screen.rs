//! The table form of a report: which lines count, and what each cell stands under.

use super::kinds;

/// Foot lines: what they say is about the report, not about the object.
const FOOT: [&str; 4] = ["prices:", "uncertain:", "not modelled:", "not read:"];

/// What a screen says.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Screen {
    /// Lines that count, without headers and foot lines.
    pub(super) lines: Vec<String>,
    /// `COLUMN value` of every cell.
    pub(super) cells: Vec<(String, String)>,
    /// Lines with a number in front and `next:` with what hangs under it.
    pub(super) advice: Vec<String>,
    /// Numbered lines alone.
    pub(super) numbered: usize,
}

impl Screen {
    /// Reads the table form. `repeated`: the command that was run, where it is printed again it does not count.
    pub(super) fn read(text: &str, repeated: &str) -> Self {
        let mut screen = Screen::default();
        let mut columns: Vec<Column> = Vec::new();
        let (mut in_foot, mut in_next) = (false, false);
        for line in text.lines() {
            let is_indented = line.starts_with(' ');
            if line.trim().is_empty() {
                (columns, in_foot, in_next) = (Vec::new(), false, false);
                continue;
            }
            if FOOT.iter().any(|foot| line.trim_start().starts_with(foot)) || (in_foot && is_indented) {
                (in_foot, in_next) = (true, false);
                continue;
            }
            in_foot = false;
            if let Some(header) = header(line) {
                columns = header;
                continue;
            }
            let line = without_command(line, repeated);
            let is_numbered = number_in_front(&line);
            in_next = line.trim_start().starts_with("next:") || (in_next && is_indented);
            if is_numbered || in_next {
                screen.advice.push(line.trim().to_owned());
                screen.numbered += usize::from(is_numbered);
            }
            screen.cells.extend(cells(&line, &columns));
            screen.lines.push(line);
        }
        screen
    }
}

/// Cuts the command out of a line that repeats it.
fn without_command(line: &str, repeated: &str) -> String {
    let command = format!("kubectl karp {repeated}");
    line.find(&command).map_or_else(|| line.to_owned(), |at| line[..at].to_owned())
}

/// `1 nodepool/x: ...`, `2 and 3: ...`.
fn number_in_front(line: &str) -> bool {
    let digits = line.trim_start().bytes().take_while(u8::is_ascii_digit).count();
    let rest = line.trim_start().get(digits..).unwrap_or_default();
    // Rows of tables may begin with a number, too; those are followed by more than one space.
    digits > 0 && digits < 3 && rest.starts_with(' ') && !rest.starts_with("  ")
}

/// A column: its heading, and where it stands.
#[derive(Debug, Clone)]
struct Column {
    name: String,
    start: usize,
    end: usize,
}

/// The columns, where a line is a heading: upper-case words without spaces, kubectl's manner.
fn header(line: &str) -> Option<Vec<Column>> {
    let words: Vec<(usize, &str)> = spans(line, 1);
    let is_heading = |word: &str| {
        let mut letters = word.bytes();
        letters.clone().any(|byte| byte.is_ascii_uppercase())
            && letters
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_/$%#".contains(&byte))
    };
    let all = words.len() > 1 && words.iter().all(|(_, word)| is_heading(word));
    all.then(|| {
        let column = |(start, word): &(usize, &str)| Column {
            name: (*word).to_owned(),
            start: *start,
            end: start + word.len(),
        };
        words.iter().map(column).collect()
    })
}

/// Words that at least `gap` spaces part, with where they begin.
fn spans(line: &str, gap: usize) -> Vec<(usize, &str)> {
    let separator = " ".repeat(gap);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = line.get(at..) {
        let skipped = rest.len() - rest.trim_start_matches(' ').len();
        let rest = &rest[skipped..];
        if rest.is_empty() {
            break;
        }
        let length = rest.find(&separator).unwrap_or(rest.len());
        found.push((at + skipped, &rest[..length]));
        at += skipped + length;
    }
    found
}

fn cells(line: &str, columns: &[Column]) -> Vec<(String, String)> {
    if columns.is_empty() {
        return Vec::new();
    }
    let distance = |column: &Column, start: usize, end: usize| {
        let overlaps = start < column.end && column.start < end;
        if overlaps { 0 } else { column.start.abs_diff(start).min(column.end.abs_diff(end)) }
    };
    spans(line, 2)
        .into_iter()
        .filter_map(|(start, text)| {
            let end = start + text.len();
            let column = columns.iter().min_by_key(|column| distance(column, start, end))?;
            Some((column.name.clone(), text.to_owned()))
        })
        .collect()
}

impl Screen {
    /// Objects that stand in a column of their kind.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.cells.iter().filter_map(|(column, value)| Some((kinds::normal(column)?, value.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: &str = "\
pod/batch -n ml will not schedule: none of 4 NodePools fits.

NODEPOOL   TYPES  REQS   LIMITS  STOPPED-BY
critical     522   522      372  taint
on-demand    835   522        0  limits/cpu
on-demand  limit cpu 200, in use 192

prices: on-demand list
  more about prices
uncertain: EC2 picks
1 nodepool/on-demand: limits.cpu 200 -> 208
  proof: schedules
   26  cpu  nearest
next: kubectl describe pvc data-cart-0
      kubectl karp explain pod/batch -n ml --all
";

    #[test]
    fn headers_and_foot_lines_are_left_out() {
        let screen = Screen::read(SCREEN, "explain pod/batch -n ml");
        let text = screen.lines.join("\n");
        for absent in ["STOPPED-BY", "on-demand list", "more about", "EC2 picks", "explain pod/batch"] {
            assert!(!text.contains(absent), "{absent}");
        }
        assert!(text.contains("none of 4") && text.contains("proof: schedules"));
    }

    #[test]
    fn cells_stand_under_their_columns() {
        let screen = Screen::read(SCREEN, "");
        let has = |column: &str, value: &str| screen.cells.contains(&(column.to_owned(), value.to_owned()));
        assert!(has("NODEPOOL", "critical") && has("TYPES", "835") && has("LIMITS", "0"));
        assert!(has("STOPPED-BY", "limits/cpu") && !has("REQS", "835"));
        assert!(screen.objects().any(|object| object == ("nodepool", "on-demand")));
    }

    #[test]
    fn advice_is_numbered_lines_and_next() {
        let screen = Screen::read(SCREEN, "explain pod/batch -n ml");
        assert_eq!(
            screen.advice,
            ["1 nodepool/on-demand: limits.cpu 200 -> 208", "next: kubectl describe pvc data-cart-0", ""]
        );
        assert_eq!(screen.numbered, 1);
    }
}

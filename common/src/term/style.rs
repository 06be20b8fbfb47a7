//! How text looks: colour by meaning, symbols by terminal, width. Decided once, passed along.

use anstyle::{AnsiColor, Style as Ansi};

/// Width that is assumed where none is known.
const DEFAULT_WIDTH: usize = 80;

/// Width from which rows get their reason as a last column.
const WIDE: usize = 120;

/// What a piece of text means; colours follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// "will schedule", "Go", `+`.
    VerdictOk,
    /// "will not schedule", `x`, the 0 that emptied a funnel, `error:`.
    VerdictNo,
    /// "waits", "unknown", `!`, `warning:`, `hint:`, `next:`, commands to paste.
    Hint,
    /// Object names.
    Name,
    /// Deciding figures.
    Number,
    /// Headers, `-`, ages, foot lines, `proof:`, Karpenter's own message.
    Muted,
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Signs for states, and for what stands between figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbols {
    /// Yes, done.
    pub yes: &'static str,
    /// No, failed, refused.
    pub no: &'static str,
    /// Under way.
    pub busy: &'static str,
    /// Not begun.
    pub todo: &'static str,
    /// Look at this.
    pub look: &'static str,
    /// Ceiling of a price that is not known.
    pub at_most: &'static str,
    /// Becomes.
    pub becomes: &'static str,
    /// A list was cut.
    pub cut: &'static str,
    /// Used part of a bar.
    pub used: &'static str,
    /// Free part of a bar.
    pub free: &'static str,
}

impl Symbols {
    /// Plain ASCII.
    pub const ASCII: Symbols = Symbols {
        yes: "+",
        no: "x",
        busy: ">",
        todo: ".",
        look: "!",
        at_most: "<=",
        becomes: "->",
        cut: "...",
        used: "#",
        free: ".",
    };

    /// For terminals that show UTF-8.
    pub const TERMINAL: Symbols = Symbols {
        yes: "✓",
        no: "✗",
        busy: "●",
        todo: "○",
        look: "!",
        at_most: "≤",
        becomes: "→",
        cut: "…",
        used: "█",
        free: "░",
    };
}

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal; none on a pipe, where nothing is wrapped or shortened.
    pub columns: Option<usize>,
    /// Whether to colour.
    pub color: bool,
    /// Which signs to use.
    pub symbols: Symbols,
}

impl Style {
    /// A pipe: nothing wrapped, no colour, ASCII.
    pub const PIPE: Style = Style { columns: None, color: false, symbols: Symbols::ASCII };

    /// A terminal of this width without colour and in ASCII, as tests compare.
    pub const fn plain(columns: usize) -> Style {
        Style { columns: Some(columns), color: false, symbols: Symbols::ASCII }
    }

    /// Columns to lay out for: 80 where no width is known.
    pub fn width(&self) -> usize {
        self.columns.unwrap_or(DEFAULT_WIDTH)
    }

    /// Whether output goes to a pipe: full names, nothing wrapped.
    pub fn is_pipe(&self) -> bool {
        self.columns.is_none()
    }

    /// Whether there is room for reasons beside the rows (120 columns and more).
    pub fn is_wide(&self) -> bool {
        self.columns.is_some_and(|columns| columns >= WIDE)
    }

    /// Text in the colour of its meaning.
    pub fn paint(&self, label: Label, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let ansi = match label {
            Label::VerdictOk => AnsiColor::Green.on_default().bold(),
            Label::VerdictNo => AnsiColor::Red.on_default().bold(),
            Label::Hint => AnsiColor::Yellow.on_default(),
            Label::Name => AnsiColor::Cyan.on_default(),
            Label::Number => Ansi::new().bold(),
            Label::Muted => Ansi::new().dimmed(),
        };
        format!("{}{text}{}", ansi.render(), ansi.render_reset())
    }
}

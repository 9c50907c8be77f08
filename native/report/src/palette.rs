//! The colours of text.

use anstyle::{AnsiColor, Style};

/// What is shown how; without colour, nothing but the text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Palette {
    /// A race, damage.
    pub(crate) alarm: Style,
    /// What stands above others.
    pub(crate) heading: Style,
    /// A flag byte that changes or is set.
    pub(crate) flag: Style,
    /// What is there for completeness.
    pub(crate) faint: Style,
}

impl Palette {
    /// The colours, or none.
    pub fn new(colour: bool) -> Palette {
        if !colour {
            return Palette::default();
        }
        let foreground = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        Palette {
            alarm: foreground(AnsiColor::Red).bold(),
            heading: Style::new().bold(),
            flag: foreground(AnsiColor::Yellow),
            faint: Style::new().dimmed(),
        }
    }
}

/// `text` in `style`.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

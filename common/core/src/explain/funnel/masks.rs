//! Sets of causes as bits of one word.

use super::super::cause::{Cause, Stage};

/// Causes as bits.
pub(super) type Mask = u128;

/// Gives each cause of a question one bit.
#[derive(Debug, Default)]
pub(super) struct Bits {
    pub(super) causes: Vec<Cause>,
    pub(super) stages: Vec<Option<Stage>>,
}

impl Bits {
    pub(super) fn bit(&mut self, cause: Cause, stage: Option<Stage>) -> Mask {
        let known = self.causes.iter().position(|known| *known == cause);
        let position = known.unwrap_or_else(|| {
            self.causes.push(cause);
            self.stages.push(stage);
            self.causes.len() - 1
        });
        // More causes than bits share the last one: such a pod has more wishes than anyone will lift.
        1 << position.min(Mask::BITS as usize - 1)
    }

    pub(super) fn up_to(&self, last: Stage) -> Mask {
        self.mask_where(|stage| stage.is_some_and(|stage| stage <= last))
    }

    pub(super) fn of(&self, wanted: Stage) -> Mask {
        self.mask_where(|stage| stage == Some(wanted))
    }

    pub(super) fn mask_where(&self, holds: impl Fn(Option<Stage>) -> bool) -> Mask {
        let positions = self.stages.iter().enumerate().filter(|(_, stage)| holds(**stage));
        positions.fold(0, |mask, (position, _)| mask | 1 << position.min(Mask::BITS as usize - 1))
    }
}

/// Adds a set of causes unless a smaller one is known; forgets larger ones.
pub(super) fn add_minimal(masks: &mut Vec<Mask>, mask: Mask) {
    if masks.iter().any(|known| known & mask == *known) {
        return;
    }
    masks.retain(|known| known & mask != mask);
    masks.push(mask);
}

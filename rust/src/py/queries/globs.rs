//! Globs: `*` is any text without `/`, `**` any text, `?` one character; all else stands for itself.
//!
//! What stands before the first star and behind the last has a fixed size, so it is compared where it must be. Between
//! them all the places that the glob may have come to are kept, as bits, while the text is stepped through once:
//! O(size of the glob * length of the text / 64) at most, whatever the glob.

/// A step of a glob: what one or more characters of a text are held against.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Star,
    DeepStar,
    AnyOne,
    Character(u32),
}

const SLASH: u32 = '/' as u32;
const FEW_WORDS: usize = 4;

/// A glob, made ready.
pub struct Glob {
    head: Box<[Step]>,
    middle: Middle,
    tail: Box<[Step]>,
}

/// What stands from the first star to the last.
enum Middle {
    None,
    Star,
    DeepStar,
    Steps(States),
}

impl Glob {
    /// Return the glob of these characters.
    pub fn new(characters: impl IntoIterator<Item = u32>) -> Self {
        let steps = steps_of(characters);
        let is_star = |step: &Step| matches!(step, Step::Star | Step::DeepStar);
        let (Some(first), Some(last)) = (steps.iter().position(is_star), steps.iter().rposition(is_star)) else {
            return Self { head: steps.into(), middle: Middle::None, tail: Box::default() };
        };
        let middle = match steps[first..=last] {
            [Step::Star] => Middle::Star,
            [Step::DeepStar] => Middle::DeepStar,
            ref several => Middle::Steps(States::new(several)),
        };
        Self { head: steps[..first].into(), middle, tail: steps[last + 1..].into() }
    }

    /// Tell whether the glob covers the whole text.
    pub fn covers<C: Copy + Into<u32>>(&self, text: &[C]) -> bool {
        let Some((head, rest)) = text.split_at_checked(self.head.len()) else {
            return false;
        };
        let Some(size) = rest.len().checked_sub(self.tail.len()) else {
            return false;
        };
        let (between, tail) = rest.split_at(size);
        if !covers_each(&self.head, head) || !covers_each(&self.tail, tail) {
            return false;
        }
        match &self.middle {
            Middle::None => between.is_empty(),
            Middle::Star => between.iter().all(|&character| character.into() != SLASH),
            Middle::DeepStar => true,
            Middle::Steps(states) => states.cover(between),
        }
    }
}

fn steps_of(characters: impl IntoIterator<Item = u32>) -> Vec<Step> {
    let mut steps = Vec::new();
    for character in characters {
        match (char::from_u32(character), steps.last_mut()) {
            (Some('*'), Some(last @ (Step::Star | Step::DeepStar))) => *last = Step::DeepStar,
            (Some('*'), _) => steps.push(Step::Star),
            (Some('?'), _) => steps.push(Step::AnyOne),
            _ => steps.push(Step::Character(character)),
        }
    }
    steps
}

/// Tell whether steps of one character each cover a text of the same size.
fn covers_each<C: Copy + Into<u32>>(steps: &[Step], text: &[C]) -> bool {
    steps.iter().zip(text).all(|(&step, &character)| step == Step::AnyOne || step == Step::Character(character.into()))
}

/// Steps as bits: bit `i` of a state says that the first `i` steps may be behind us; 64 of them are a word.
struct States {
    words: usize,
    stars: Box<[u64]>,
    deep_stars: Box<[u64]>,
    any_one: Box<[u64]>,
    /// The characters that steps stand for, in order, and for each as many words: the steps that it passes.
    characters: Box<[u32]>,
    passes: Box<[u64]>,
    end: usize,
}

impl States {
    fn new(steps: &[Step]) -> Self {
        let words = steps.len() / 64 + 1;
        let bits = |wanted: &dyn Fn(Step) -> bool| {
            let mut bits = vec![0u64; words];
            for (place, &step) in steps.iter().enumerate() {
                bits[place / 64] |= u64::from(wanted(step)) << (place % 64);
            }
            bits
        };
        let mut characters: Vec<u32> = steps
            .iter()
            .filter_map(|&step| if let Step::Character(character) = step { Some(character) } else { None })
            .collect();
        characters.sort_unstable();
        characters.dedup();
        let passes = characters
            .iter()
            .flat_map(|&character| bits(&|step| step == Step::AnyOne || step == Step::Character(character)))
            .collect();
        Self {
            words,
            stars: bits(&|step| matches!(step, Step::Star | Step::DeepStar)).into(),
            deep_stars: bits(&|step| step == Step::DeepStar).into(),
            any_one: bits(&|step| step == Step::AnyOne).into(),
            characters: characters.into(),
            passes,
            end: steps.len(),
        }
    }

    fn cover<C: Copy + Into<u32>>(&self, text: &[C]) -> bool {
        if self.words <= FEW_WORDS {
            self.run(&mut [0; FEW_WORDS][..self.words], text)
        } else {
            self.run(&mut vec![0; self.words], text)
        }
    }

    /// Step through the text; `states` is all zeros.
    fn run<C: Copy + Into<u32>>(&self, states: &mut [u64], text: &[C]) -> bool {
        states[0] = 1;
        self.pass_stars(states);
        for &character in text {
            let character = character.into();
            let stays = if character == SLASH { &self.deep_stars } else { &self.stars };
            let passes = match self.characters.binary_search(&character) {
                Ok(found) => &self.passes[found * self.words..(found + 1) * self.words],
                Err(_) => &self.any_one,
            };
            let mut carried = 0;
            let mut all = 0;
            for place in 0..self.words {
                let passed = states[place] & passes[place];
                states[place] = (passed << 1) | carried | (states[place] & stays[place]);
                carried = passed >> 63;
                all |= states[place];
            }
            if all == 0 {
                return false;
            }
            self.pass_stars(states);
        }
        (states[self.end / 64] >> (self.end % 64)) & 1 == 1
    }

    /// A star may stand for nothing; there are no two in a row.
    fn pass_stars(&self, states: &mut [u64]) {
        let mut carried = 0;
        for (word, &stars) in states.iter_mut().zip(&self.stars) {
            let passed = *word & stars;
            *word |= (passed << 1) | carried;
            carried = passed >> 63;
        }
    }
}

//! A program as a list of tests, each of which says which one comes next: `and`, `or` and `not` are jumps between them.
//!
//! So nothing nests, however deep the program does, and the tests run in the order of the program: the first that
//! decides is the last that is made.

use pyo3::PyTraverseError;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use super::checks::Check;
use super::comparisons::Comparison;
use super::paths::{For, Path};
use super::{text_of, unpacked};

/// A place in the list, or how it ends.
type Place = u32;
const ACCEPT: Place = Place::MAX;
const REJECT: Place = Place::MAX - 1;
const MOST_TESTS: usize = REJECT as usize;

/// A program, made ready.
pub struct Steps(Box<[Step]>);

struct Step {
    path: Path,
    check: Check,
    if_true: Place,
    if_false: Place,
}

impl Steps {
    /// Compile a program. O(size of the program); no Python code but that of its own containers runs.
    pub fn new(program: &Bound<'_, PyAny>) -> PyResult<Self> {
        Compiler::default().compile(program)
    }

    /// Tell whether an entry matches.
    #[inline]
    pub fn test(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let mut place = 0;
        while let Some(step) = self.0.get(place as usize) {
            place = if step.holds(key, value)? { step.if_true } else { step.if_false };
        }
        Ok(place == ACCEPT)
    }

    /// Show the garbage collector what is held.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.iter().try_for_each(|step| {
            step.path.traverse(visit)?;
            step.check.traverse(visit)
        })
    }
}

impl Step {
    #[inline]
    fn holds(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        match &self.path {
            Path::Key => self.check.holds(key),
            Path::Value => self.check.holds(value),
            Path::Field(field) => match field.read(value)? {
                Some(found) => self.check.holds(&found),
                None => Ok(false),
            },
        }
    }
}

/// A place that may not be known yet: a test yet to come, by number, or an end.
#[derive(Clone, Copy)]
enum Target {
    Known(Place),
    Label(usize),
}

/// What is left to do: a part of the program, and where to go from it; or to say that a label is here.
enum Task<'py> {
    Compile(Bound<'py, PyAny>, Target, Target),
    Mark(usize),
}

#[derive(Default)]
struct Compiler<'py> {
    steps: Vec<(Path, Check, Target, Target)>,
    labels: Vec<Place>,
    tasks: Vec<Task<'py>>,
}

impl<'py> Compiler<'py> {
    fn compile(mut self, program: &Bound<'py, PyAny>) -> PyResult<Steps> {
        self.tasks.push(Task::Compile(program.clone(), Target::Known(ACCEPT), Target::Known(REJECT)));
        while let Some(task) = self.tasks.pop() {
            match task {
                Task::Compile(program, if_true, if_false) => self.part(&program, if_true, if_false)?,
                Task::Mark(label) => self.labels[label] = self.here()?,
            }
        }
        let Self { steps, labels, .. } = self;
        let place = |target| match target {
            Target::Known(place) => place,
            Target::Label(label) => labels[label],
        };
        let steps = steps.into_iter().map(|(path, check, if_true, if_false)| Step {
            path,
            check,
            if_true: place(if_true),
            if_false: place(if_false),
        });
        Ok(Steps(steps.collect()))
    }

    fn here(&self) -> PyResult<Place> {
        let here = self.steps.len();
        if here < MOST_TESTS {
            return Ok(Place::try_from(here)?);
        }
        Err(PyValueError::new_err("the query has too many parts"))
    }

    fn part(&mut self, program: &Bound<'py, PyAny>, if_true: Target, if_false: Target) -> PyResult<()> {
        let (name, mut arguments) = unpacked(program)?;
        let known = text_of(&name);
        match known.as_deref().unwrap_or_default() {
            "and" => self.row(arguments, if_true, |next| (next, if_false)),
            "or" => self.row(arguments, if_false, |next| (if_true, next)),
            "not" => {
                self.tasks.push(Task::Compile(first(arguments)?, if_false, if_true));
                Ok(())
            }
            "exists" => {
                let path = Path::new(&first(arguments)?, For::Other)?;
                self.add(path, Check::Exists, if_true, if_false)
            }
            known => {
                if let Some(operator) = Comparison::operator(known) {
                    let (path, operand) = two(&mut arguments)?;
                    let path = Path::new(&path, For::Comparison)?;
                    return self.add(path, Check::Comparison(Comparison::new(operator, operand)), if_true, if_false);
                }
                if let Some(make) = Check::maker(known) {
                    let (path, operand) = two(&mut arguments)?;
                    let check = make(operand)?;
                    return self.add(Path::new(&path, For::Other)?, check, if_true, if_false);
                }
                name.hash()?;
                let message = format!("{} is no part of a query; make queries with ets.row", name.repr()?);
                Err(PyValueError::new_err(message))
            }
        }
    }

    /// Add parts in a row: `targets` says where each goes, given what is behind it; behind the last is `end`.
    fn row(
        &mut self,
        parts: Vec<Bound<'py, PyAny>>,
        end: Target,
        targets: impl Fn(Target) -> (Target, Target),
    ) -> PyResult<()> {
        if parts.is_empty() {
            return self.add(Path::Key, Check::Exists, end, end);
        }
        let mut next = end;
        for (place, part) in parts.into_iter().enumerate().rev() {
            let (if_true, if_false) = targets(next);
            self.tasks.push(Task::Compile(part, if_true, if_false));
            if place > 0 {
                let label = self.labels.len();
                self.labels.push(REJECT);
                self.tasks.push(Task::Mark(label));
                next = Target::Label(label);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: Path, check: Check, if_true: Target, if_false: Target) -> PyResult<()> {
        self.here()?;
        self.steps.push((path, check, if_true, if_false));
        Ok(())
    }
}

fn first(arguments: Vec<Bound<'_, PyAny>>) -> PyResult<Bound<'_, PyAny>> {
    arguments.into_iter().next().ok_or_else(|| PyIndexError::new_err("list index out of range"))
}

fn two<'py>(arguments: &mut Vec<Bound<'py, PyAny>>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    match (arguments.len(), arguments.pop(), arguments.pop()) {
        (2, Some(operand), Some(path)) => Ok((path, operand)),
        (size @ 0..2, ..) => {
            Err(PyValueError::new_err(format!("not enough values to unpack (expected 2, got {size})")))
        }
        _ => Err(PyValueError::new_err("too many values to unpack (expected 2)")),
    }
}

//! Where the rules of a run are, so that none is searched for among all.

use std::collections::HashMap;

use super::model::{Component, ComponentReference, Outcome, Rule, Tool};

/// The driver, or an extension by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Driver,
    Extension(usize),
}

/// The rules of one run by their ids, its components by their names.
#[derive(Debug, Default)]
pub(super) struct RuleIndex {
    driver: HashMap<String, usize>,
    extensions: Vec<HashMap<String, usize>>,
    /// Of the rules of all extensions, the first of an id.
    any_extension: HashMap<String, (usize, usize)>,
    names: HashMap<String, usize>,
}

impl RuleIndex {
    pub(super) fn of(tool: &Tool) -> Self {
        let mut index = Self { driver: by_id(&tool.driver), ..Self::default() };
        for (at, extension) in tool.extensions.iter().flatten().enumerate() {
            let rules = by_id(extension);
            for (id, rule) in &rules {
                index.any_extension.entry(id.clone()).or_insert((at, *rule));
            }
            index.names.entry(extension.name.clone()).or_insert(at);
            index.extensions.push(rules);
        }
        index
    }

    /// The rule of a result: by index in its component, else by id there, else by id in the extensions.
    pub(super) fn rule<'t>(&self, tool: &'t Tool, result: &Outcome) -> Option<&'t Rule> {
        let reference = result.rule.as_ref();
        let part = self.part(tool, reference.and_then(|reference| reference.tool_component.as_ref()))?;
        let rules = rules(tool, part)?;
        let number = result.rule_index.or_else(|| reference?.index).and_then(|number| usize::try_from(number).ok());
        if let Some(rule) = number.and_then(|number| rules.get(number)) {
            return Some(rule);
        }
        let id = result.rule_id.as_deref().or_else(|| reference?.id.as_deref())?;
        let ids = match part {
            Part::Driver => Some(&self.driver),
            Part::Extension(at) => self.extensions.get(at),
        };
        if let Some(rule) = ids.and_then(|ids| ids.get(id)).and_then(|number| rules.get(*number)) {
            return Some(rule);
        }
        let (extension, number) = self.any_extension.get(id)?;
        tool.extensions.as_deref()?.get(*extension)?.rules.as_deref()?.get(*number)
    }

    fn part(&self, tool: &Tool, named: Option<&ComponentReference>) -> Option<Part> {
        match named {
            None => Some(Part::Driver),
            Some(ComponentReference { index: Some(index), .. }) => Some(Part::Extension(usize::try_from(*index).ok()?)),
            Some(ComponentReference { name, .. }) => {
                let name = name.as_ref()?;
                let extension = self.names.get(name).copied().map(Part::Extension);
                extension.or_else(|| (tool.driver.name == *name).then_some(Part::Driver))
            }
        }
    }
}

/// Where in a component the first rule of each id is.
fn by_id(component: &Component) -> HashMap<String, usize> {
    let mut ids = HashMap::new();
    for (at, rule) in component.rules.iter().flatten().enumerate() {
        ids.entry(rule.id.clone()).or_insert(at);
    }
    ids
}

/// The rules of a component; none of one that is not there.
fn rules(tool: &Tool, part: Part) -> Option<&[Rule]> {
    let component = match part {
        Part::Driver => &tool.driver,
        Part::Extension(at) => tool.extensions.as_deref()?.get(at)?,
    };
    Some(component.rules.as_deref().unwrap_or_default())
}

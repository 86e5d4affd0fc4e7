//! The files that an agent loads, and what names in them stand for.

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::FxHashMap as HashMap;

use pysrc::{Atom, BindingKind, Function, Import, ImportKind, Module, Value};

use super::known::ClassAt;

/// Longest chain of imports of one name, or of bases of one class.
const DEEPEST: usize = 8;

/// A file.
#[derive(Debug, Clone, Copy)]
pub struct File<'m> {
    /// Its path in the tree.
    pub path: &'m str,
    /// What it says.
    pub module: &'m Module,
}

/// All that one agent loads; its script is the first.
#[derive(Debug)]
pub struct Files<'m> {
    all: Vec<File<'m>>,
    /// What was worked out of classes: their orders, and those that objects are of.
    orders: RefCell<HashMap<ClassAt, Rc<[ClassAt]>>>,
    concretes: RefCell<HashMap<ClassAt, Option<ClassAt>>>,
}

/// What a name of a module stands for.
#[derive(Debug, Clone, Copy)]
pub enum Bound<'m> {
    Class(ClassAt),
    Function(usize, u32),
    /// A file as a module.
    Module(usize),
    /// A value that stands in that file.
    Value(usize, &'m Value),
}

impl<'m> Files<'m> {
    pub fn new(all: Vec<File<'m>>) -> Self {
        Self {
            all,
            orders: RefCell::default(),
            concretes: RefCell::default(),
        }
    }

    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The file with this path.
    pub fn position(&self, path: &str) -> Option<usize> {
        self.all.iter().position(|file| file.path == path)
    }

    pub fn module(&self, file: usize) -> &'m Module {
        self.all[file].module
    }

    pub fn function(&self, file: usize, function: u32) -> Option<&'m Function> {
        self.module(file).functions.get(function as usize)
    }

    /// What a name of a file's module stands for: all that it may.
    pub fn name(&self, file: usize, name: &str) -> Vec<Bound<'m>> {
        self.name_within(file, name, 0)
    }

    fn name_within(&self, file: usize, name: &str, depth: usize) -> Vec<Bound<'m>> {
        let module = self.module(file);
        let Some(atom) = module.atom(name).filter(|_| depth < DEEPEST) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for binding in module.bindings.iter().filter(|binding| binding.name == atom) {
            match binding.kind {
                BindingKind::Class(class) => found.push(Bound::Class((file, class))),
                BindingKind::Function(function) => found.push(Bound::Function(file, function)),
                BindingKind::Import(import) => {
                    if let Some(import) = module.imports.get(import as usize) {
                        found.extend(self.imported(file, import, depth));
                    }
                }
                BindingKind::Assignment | BindingKind::Global => {
                    found.push(Bound::Value(file, binding.value.as_ref().unwrap_or(&Value::Other)));
                }
            }
        }
        found
    }

    fn imported(&self, file: usize, import: &Import, depth: usize) -> Vec<Bound<'m>> {
        match (&import.kind, import.name.as_deref()) {
            (ImportKind::From, Some(name)) => {
                let inner = match &*import.module {
                    "" => name.to_owned(),
                    module => format!("{module}.{name}"),
                };
                if let Some(module) = self.find(file, &import.module, import.level) {
                    let found = self.name_within(module, name, depth + 1);
                    if !found.is_empty() {
                        return found;
                    }
                }
                let module = self.find(file, &inner, import.level);
                module.map(Bound::Module).into_iter().collect()
            }
            // `import a.b` binds `a`, in which nothing is looked for.
            (ImportKind::Module, _) => {
                let whole = !import.module.contains('.')
                    || import
                        .binds
                        .is_some_and(|name| Some(self.module(file).name(name)) != import.module.split('.').next());
                let module = self.find(file, &import.module, 0).filter(|_| whole);
                module.map(Bound::Module).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// The loaded file that a module is, where only one can be.
    fn find(&self, from: usize, module: &str, level: u32) -> Option<usize> {
        let inner = module.replace('.', "/");
        let mut folder = self.all[from].path;
        for _ in 0..level {
            folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
        }
        let ends = [format!("{inner}.py"), format!("{inner}/__init__.py")];
        let matches = |path: &str| {
            ends.iter().any(|end| match level {
                0 => {
                    path == end
                        || path
                            .strip_suffix(end.as_str())
                            .is_some_and(|before| before.ends_with('/'))
                }
                _ if folder.is_empty() => path == end.trim_start_matches('/'),
                _ => {
                    path.strip_prefix(folder).and_then(|path| path.strip_prefix('/'))
                        == Some(end.trim_start_matches('/'))
                }
            })
        };
        let mut found = (0..self.all.len()).filter(|file| matches(self.all[*file].path));
        found.next().filter(|_| found.next().is_none())
    }

    /// A class and those that it is made of, nearest first.
    pub fn order(&self, class: ClassAt) -> Rc<[ClassAt]> {
        if let Some(known) = self.orders.borrow().get(&class) {
            return Rc::clone(known);
        }
        let order: Rc<[ClassAt]> = self.order_of(class).into();
        self.orders.borrow_mut().insert(class, Rc::clone(&order));
        order
    }

    fn order_of(&self, class: ClassAt) -> Vec<ClassAt> {
        let mut order = Vec::new();
        self.add_bases(class, &mut order, 0);
        // What two classes are both made of comes behind both.
        let mut seen = Vec::new();
        for class in order.into_iter().rev() {
            if !seen.contains(&class) {
                seen.push(class);
            }
        }
        seen.reverse();
        seen
    }

    fn add_bases(&self, (file, class): ClassAt, order: &mut Vec<ClassAt>, depth: usize) {
        order.push((file, class));
        let Some(facts) = self
            .module(file)
            .classes
            .get(class as usize)
            .filter(|_| depth < DEEPEST)
        else {
            return;
        };
        for base in &facts.bases {
            if let Some(base) = self.class(file, base) {
                self.add_bases(base, order, depth + 1);
            }
        }
    }

    /// The class of the tree that a value names.
    fn class(&self, file: usize, value: &Value) -> Option<ClassAt> {
        let found = match value {
            Value::Name(name) => self.name(file, self.module(file).name(*name)),
            Value::Attribute(module, name) => match **module {
                Value::Name(of) => {
                    let modules = self.name(file, self.module(file).name(of));
                    let name = self.module(file).name(*name);
                    modules
                        .into_iter()
                        .filter_map(|module| match module {
                            Bound::Module(module) => Some(self.name(module, name)),
                            _ => None,
                        })
                        .flatten()
                        .collect()
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        match found.last() {
            Some(Bound::Class(class)) => Some(*class),
            _ => None,
        }
    }

    /// Whether a class has one of these names among its bases, as they are written.
    pub fn has_base(&self, class: ClassAt, names: &[&str]) -> bool {
        self.order(class).iter().any(|(file, class)| {
            let module = self.module(*file);
            let bases = module.classes.get(*class as usize).map(|class| &class.bases);
            bases.into_iter().flatten().any(|base| match base {
                Value::Name(name) | Value::Attribute(_, name) => names.contains(&module.name(*name)),
                _ => false,
            })
        })
    }

    /// The method of that name, of the first of these classes that has it.
    pub fn method(&self, order: &[ClassAt], name: &str) -> Option<(usize, u32)> {
        order.iter().find_map(|(file, class)| {
            let module = self.module(*file);
            let methods = &module.classes.get(*class as usize)?.methods;
            let mut methods = methods.iter().rev();
            let found = methods.find(|at| {
                let function = module.functions.get(**at as usize);
                function.is_some_and(|function| &*function.name == name)
            });
            found.map(|at| (*file, *at))
        })
    }

    /// Whether an attribute of that name may get a value where no method of these classes gives it one.
    pub fn is_set_elsewhere(&self, order: &[ClassAt], name: &str) -> bool {
        let times: usize = self
            .all
            .iter()
            .filter_map(|file| Some(file.module.times_set(file.module.atom(name)?)))
            .sum();
        let known: usize = (0..self.all.len())
            .map(|file| {
                let attributes = self.module(file).attributes.iter();
                let own = attributes.filter(|attribute| {
                    &*attribute.name == name && attribute.function.is_some() && order.contains(&(file, attribute.class))
                });
                own.count()
            })
            .sum();
        // What other classes call so is theirs.
        let others: usize = (0..self.all.len())
            .map(|file| {
                let attributes = self.module(file).attributes.iter();
                let others = attributes.filter(|attribute| {
                    &*attribute.name == name
                        && attribute.function.is_some()
                        && !order.contains(&(file, attribute.class))
                });
                others.count()
            })
            .sum();
        times > known + others
    }

    /// The only class that objects with these methods are of: the last one that is made of it.
    pub fn concrete(&self, class: ClassAt) -> Option<ClassAt> {
        if let Some(known) = self.concretes.borrow().get(&class) {
            return *known;
        }
        let concrete = self.concrete_of(class);
        self.concretes.borrow_mut().insert(class, concrete);
        concrete
    }

    fn concrete_of(&self, class: ClassAt) -> Option<ClassAt> {
        let mut last: Vec<ClassAt> = Vec::new();
        let all = (0..self.all.len()).flat_map(|file| {
            let classes = u32::try_from(self.module(file).classes.len()).unwrap_or(0);
            (0..classes).map(move |at| (file, at))
        });
        let made_of: Vec<ClassAt> = all.filter(|other| self.order(*other).contains(&class)).collect();
        for one in &made_of {
            let is_base = made_of
                .iter()
                .any(|other| other != one && self.order(*other).contains(one));
            if !is_base {
                last.push(*one);
            }
        }
        match last.as_slice() {
            [only] => Some(*only),
            // The agent's own script says which it makes.
            several => {
                let mut own = several.iter().filter(|(file, _)| *file == 0);
                own.next().copied().filter(|_| own.next().is_none())
            }
        }
    }

    /// The name under which the function's object is known in it, where it is a method.
    pub fn own_name(&self, file: usize, function: u32) -> Option<Atom> {
        let function = self.function(file, function)?;
        let is_static = function.decorators.iter().any(|name| &**name == "staticmethod");
        function.class.filter(|_| !is_static)?;
        function.parameters.all.first().map(|parameter| parameter.name)
    }
}

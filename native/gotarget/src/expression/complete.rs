//! What an unfinished expression may go on to be.

use goprogram::{Field, Program, TypeKind, TypeRef};

use super::parse::{First, Step, parse};

/// Pointers, and embedded structs, are followed so far.
const DEEPEST: u32 = 8;

/// What an unfinished expression may go on to be, for a shell's or a debugger's completion: names of package
/// variables, and fields after a dot. With `maps_only`, only variables that are maps, and fields that are maps or
/// may lead to one. Memory is not read: nothing is offered behind an interface.
#[must_use]
pub fn complete(program: &Program, text: &str, maps_only: bool) -> Vec<String> {
    let variables = if maps_only { program.map_variables(text) } else { program.variables(text) };
    let mut found: Vec<String> = variables
        .unwrap_or_default()
        .into_iter()
        .map(|variable| variable.name)
        .filter(|name| !name.is_empty())
        .collect();
    if let Some((head, begun)) = text.rsplit_once('.')
        && let Some(ty) = type_of(program, head)
    {
        let names = fields(program, ty).into_iter().filter(|field| field.name.starts_with(begun));
        let names = names.filter(|field| !maps_only || may_lead_to_map(program, field.ty));
        found.extend(names.map(|field| format!("{head}.{}", field.name)));
    }
    found
}

/// The type of an expression, told by its parts alone.
fn type_of(program: &Program, text: &str) -> Option<TypeRef> {
    let ast = parse(text).ok()?;
    let mut ty = match ast.first {
        First::Name(name) => name_type(program, &name)?,
        First::Typed { type_name, .. } => program.type_named(&type_name).ok()?,
        First::Inner(_) => return None,
    };
    for step in ast.steps {
        ty = match step {
            Step::Field(name) => fields(program, ty).into_iter().find(|field| field.name == name)?.ty,
            Step::Index(_) => match program.ty(pointee(program, ty)).ok()?.kind {
                TypeKind::Slice { elem } | TypeKind::Array { elem, .. } | TypeKind::Map { elem, .. } => elem,
                _ => return None,
            },
            Step::Assert(name) => program.type_named(&name).ok()?,
        };
    }
    Some(ty)
}

fn name_type(program: &Program, text: &str) -> Option<TypeRef> {
    let from = text.rfind('/').map_or(0, |slash| slash + 1);
    let ends = text.match_indices('.').map(|(at, _)| at).filter(|at| *at > from).skip(1).chain([text.len()]);
    ends.into_iter().find_map(|end| {
        let (name, path) = text.split_at(end);
        // A look-up that fails searches for similar names, which takes its time: only names that begin so are tried.
        let known = program.variables(name).ok()?.into_iter().find(|variable| variable.name == name)?;
        path.split('.').skip(1).try_fold(known.ty, |ty, name| {
            fields(program, ty).into_iter().find(|field| field.name == name).map(|field| field.ty)
        })
    })
}

/// The fields of a struct, or of what a pointer points to, with those of embedded structs behind its own.
fn fields(program: &Program, ty: TypeRef) -> Vec<Field> {
    let mut found: Vec<Field> = Vec::new();
    let mut level = vec![ty];
    for _ in 0..DEEPEST {
        let mut deeper = Vec::new();
        for ty in level {
            let Ok(TypeKind::Struct { fields }) = program.ty(pointee(program, ty)).map(|ty| ty.kind) else { continue };
            for field in fields {
                if field.name == "_" || found.iter().any(|known| known.name == field.name) {
                    continue;
                }
                deeper.extend(field.embedded.then_some(field.ty));
                found.push(field);
            }
        }
        level = deeper;
    }
    found
}

fn pointee(program: &Program, mut ty: TypeRef) -> TypeRef {
    for _ in 0..DEEPEST {
        match program.ty(ty).map(|ty| ty.kind) {
            Ok(TypeKind::Pointer { target: Some(pointee) }) => ty = pointee,
            _ => break,
        }
    }
    ty
}

fn may_lead_to_map(program: &Program, ty: TypeRef) -> bool {
    use TypeKind::{Array, Interface, Map, Slice, Struct};
    let kind = program.ty(pointee(program, ty)).map(|ty| ty.kind);
    matches!(kind, Ok(Map { .. } | Struct { .. } | Slice { .. } | Array { .. } | Interface { .. }))
}

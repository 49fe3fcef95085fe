//! Questions about types, answered from their tokens alone.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{GenericArgument, Lifetime, PathArguments, PathSegment, Type, TypePath, TypeReference};

/// The types in `name<T, …>`, at least one, whatever path stands before the name.
pub(crate) fn arguments_of<'t>(name: &str, ty: &'t Type) -> Option<Vec<&'t Type>> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    Some(types.collect()).filter(|types: &Vec<_>| !types.is_empty())
}

/// Whether the type is a path that ends in `name`.
pub(crate) fn is_named(name: &str, ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == name)
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ungrouped(ty) {
        Type::Path(TypePath { qself: None, path }) => path.segments.last(),
        _ => None,
    }
}

/// The type without parentheses, and without the invisible ones that `macro_rules` leaves.
pub(crate) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        ty => ty,
    }
}

/// The reference, where the type is one that isn't `&mut`.
pub(crate) fn shared_reference(ty: &Type) -> Option<&TypeReference> {
    match ungrouped(ty) {
        Type::Reference(reference) if reference.mutability.is_none() => Some(reference),
        _ => None,
    }
}

/// Whether the type is `()`.
pub(crate) fn is_unit(ty: &Type) -> bool {
    matches!(ungrouped(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// The type with its lifetimes left to be inferred, as it may stand in the body of another
/// function.
pub(crate) fn inferred(ty: &Type) -> Type {
    struct Infer;
    impl VisitMut for Infer {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                *lifetime = Lifetime::new("'_", lifetime.span());
            }
        }
    }
    let mut ty = ty.clone();
    visit_mut::visit_type_mut(&mut Infer, &mut ty);
    ty
}

/// Whether the type is a number, text or the like, which can't be iterated.
pub(crate) fn is_single(ty: &Type) -> bool {
    const SINGLE: [&str; 18] = [
        "String", "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str", "u128",
        "u16", "u32", "u64", "u8", "usize",
    ];
    let ty = shared_reference(ty).map_or(ty, |reference| &*reference.elem);
    SINGLE.iter().any(|name| is_named(name, ty))
}

/// Whether a record can be lent as a reference to the type: `str` and `[u8]`.
pub(crate) fn is_lent(ty: &Type) -> bool {
    match ungrouped(ty) {
        Type::Slice(slice) => is_named("u8", &slice.elem),
        ty => is_named("str", ty),
    }
}

/// The type that keeps what a reference to `ty` is lent from: `String` for `str`.
pub(crate) fn kept(ty: &Type) -> TokenStream {
    let lent = inferred(ty);
    if is_named("str", ty) || matches!(ungrouped(ty), Type::Slice(_)) {
        quote_spanned! { ty.span() => <#lent as ::std::borrow::ToOwned>::Owned }
    } else {
        lent.to_token_stream()
    }
}

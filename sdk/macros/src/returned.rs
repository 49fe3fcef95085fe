//! The return type: what of it is peeled off, and what remains to be written as a record.

use std::mem::discriminant;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, GenericArgument, PathArguments, Result, ReturnType, Signature, Type, TypeParamBound};

use crate::function::Kind;
use crate::types;

/// What the function returns.
pub(crate) struct Returned {
    /// From the outside in: what has to be opened before the value appears.
    pub(crate) layers: Vec<Layer>,
    /// What lies within; none if it is `()`.
    pub(crate) value: Option<Type>,
}

/// A type that stands around the value.
pub(crate) enum Layer {
    /// A `Result`, and where its error type stands.
    Result(Span),
    Option,
}

impl Returned {
    pub(crate) fn new(kind: Kind, signature: &Signature) -> Result<Self> {
        let ty = match &signature.output {
            ReturnType::Type(_, ty) => &**ty,
            ReturnType::Default if kind == Kind::Sink => return Ok(Self { layers: Vec::new(), value: None }),
            ReturnType::Default => return Err(Error::new(signature.ident.span(), missing(kind))),
        };
        let (layers, ty) = peel(kind, ty);
        let value = (!types::is_unit(ty)).then(|| ty.clone());
        let returned = Self { layers, value };
        returned.check(kind, ty)?;
        Ok(returned)
    }

    fn check(&self, kind: Kind, ty: &Type) -> Result<()> {
        let refused = match kind {
            Kind::Sink => self.value.is_some(),
            Kind::Map | Kind::Accumulate => {
                self.value.is_none() || matches!(types::ungrouped(ty), Type::ImplTrait(_))
            }
            Kind::Filter => self.value.is_none(),
            Kind::FlatMap => self.value.is_none() || types::is_single(ty),
        };
        if refused {
            return Err(Error::new(ty.span(), missing(kind)));
        }
        Ok(())
    }

    /// The type of a record that a flat-map gives.
    pub(crate) fn item_type(value: &Type) -> Result<TokenStream> {
        if let Type::ImplTrait(implementation) = types::ungrouped(value) {
            let item = implementation.bounds.iter().find_map(item_of_bound);
            let message = "write what it yields: `impl Iterator<Item = String>`";
            let item = item.ok_or_else(|| Error::new(value.span(), message))?;
            return Ok(types::inferred(item).to_token_stream());
        }
        let value = types::inferred(value);
        Ok(quote_spanned! { value.span() => <#value as ::std::iter::IntoIterator>::Item })
    }
}

/// What a function of this kind has to return.
fn missing(kind: Kind) -> &'static str {
    match kind {
        Kind::Map => "#[map] returns a value: write `-> T`, `-> Option<T>` or `-> Result<T, E>`",
        Kind::Filter => {
            "#[filter] returns whether to keep the record: write `-> bool` or `-> Result<bool, E>`"
        }
        Kind::FlatMap => {
            "#[flat_map] returns what can be iterated: write `-> Vec<T>` or `-> impl Iterator<Item = T>`"
        }
        Kind::Accumulate => {
            "#[accumulate] returns a value: write `-> T`, `-> Option<T>` or `-> Result<T, E>`"
        }
        Kind::Sink => {
            "#[sink] returns nothing: write `-> Result<(), E>` or leave it out; #[map] returns values"
        }
    }
}

/// Takes off each kind of layer at most once.
fn peel(kind: Kind, mut ty: &Type) -> (Vec<Layer>, &Type) {
    let mut layers: Vec<Layer> = Vec::new();
    while let Some((layer, within)) = outermost(kind, ty) {
        if layers.iter().any(|known| discriminant(known) == discriminant(&layer)) {
            break;
        }
        layers.push(layer);
        ty = within;
    }
    (layers, ty)
}

fn outermost(kind: Kind, ty: &Type) -> Option<(Layer, &Type)> {
    if let Some(types) = types::arguments_of("Result", ty) {
        // An alias may leave the error out.
        let error = types.get(1).map_or_else(|| ty.span(), Spanned::span);
        return Some((Layer::Result(error), types[0]));
    }
    let optional = matches!(kind, Kind::Map | Kind::Accumulate);
    let types = types::arguments_of("Option", ty).filter(|_| optional)?;
    Some((Layer::Option, types[0]))
}

/// `T` of `Iterator<Item = T>`.
fn item_of_bound(bound: &TypeParamBound) -> Option<&Type> {
    let TypeParamBound::Trait(bound) = bound else {
        return None;
    };
    let PathArguments::AngleBracketed(arguments) = &bound.path.segments.last()?.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(item) if item.ident == "Item" => Some(&item.ty),
        _ => None,
    })
}

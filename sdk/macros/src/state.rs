//! What a function accumulates: the first argument, and how it begins.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, FnArg, Pat, Result, Signature, Type};

use crate::parameter::converted;
use crate::types;

/// The state of a function that accumulates.
pub(crate) struct State {
    /// The type that `&mut` refers to.
    pub(crate) ty: Type,
    start: Option<Expr>,
}

impl State {
    /// Reads the first argument, if there is one.
    pub(crate) fn new(input: Option<&FnArg>, start: Option<Expr>, signature: &Signature) -> Result<Self> {
        let name = &signature.ident;
        let wanted = format!(
            "#[accumulate] needs a state and a record: write `fn {name}(state: &mut u64, record: &str)`"
        );
        let Some(FnArg::Typed(typed)) = input else {
            return Err(Error::new(signature.paren_token.span.join(), wanted));
        };
        let Type::Reference(reference) = types::ungrouped(&typed.ty) else {
            return Err(Error::new(typed.ty.span(), "the state comes first, as `&mut T`; then the record"));
        };
        if reference.mutability.is_none() {
            return Err(Error::new(typed.ty.span(), "the state is there to be changed: write `&mut T`"));
        }
        if !matches!(&*typed.pat, Pat::Ident(_) | Pat::Wild(_)) {
            return Err(Error::new(typed.pat.span(), "name the state, and take it apart in the body"));
        }
        check(&reference.elem)?;
        Ok(Self { ty: (*reference.elem).clone(), start })
    }

    /// The state that no record has changed, as an expression.
    pub(crate) fn start(&self) -> TokenStream {
        let ty = &self.ty;
        match &self.start {
            Some(start) => {
                let start = converted(start, &ty.to_token_stream());
                quote! {{
                    let __start: #ty = #start;
                    __start
                }}
            }
            None => quote_spanned! { ty.span() => <#ty as ::std::default::Default>::default() },
        }
    }
}

/// Refuses what can't be kept from one instance to another.
fn check(ty: &Type) -> Result<()> {
    let advice = match types::ungrouped(ty) {
        ty if types::is_lent(ty) => "a state owns what it keeps: write `&mut String` or `&mut Vec<u8>`",
        Type::Slice(_) | Type::Reference(_) => "a state owns what it keeps: write `&mut Vec<T>` or `&mut T`",
        Type::ImplTrait(_) | Type::TraitObject(_) => "write a type, not a trait",
        Type::BareFn(_) | Type::Ptr(_) | Type::Never(_) | Type::Infer(_) => {
            "write a number, `bool`, `String`, or a type that serde can serialize and deserialize"
        }
        _ => return Ok(()),
    };
    Err(Error::new(ty.span(), advice))
}

//! Parameters: the arguments after the record, and the defaults that the attribute gives them.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, ExprUnary, FnArg, Lit, Pat, Result, Token, Type, UnOp};

use crate::function::check_argument_type;
use crate::types;

/// One parameter.
pub(crate) struct Parameter {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) docs: String,
    pub(crate) default: Option<Default>,
}

impl Parameter {
    pub(crate) fn new(input: &FnArg, docs: String) -> Result<Self> {
        let FnArg::Typed(typed) = input else {
            return Err(Error::new(input.span(), "write a parameter as `name: type`"));
        };
        let Pat::Ident(pattern) = &*typed.pat else {
            let message = "name the parameter, and take it apart in the body";
            return Err(Error::new(typed.pat.span(), message));
        };
        check_argument_type(&typed.ty)?;
        let ty = (*typed.ty).clone();
        Ok(Self { ident: pattern.ident.clone(), ty, docs, default: None })
    }

    /// The name that an argument is given by.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// The variable that keeps the argument, whose name no other variable of the expansion has;
    /// errors in its use point at the type.
    pub(crate) fn kept(&self) -> Ident {
        Ident::new(&format!("__argument_{}", self.name()), self.ty.span())
    }

    /// Whether the function can't be opened without it.
    pub(crate) fn required(&self) -> bool {
        self.default.is_none() && self.optional().is_none()
    }

    /// `T`, where the parameter is an `Option<T>`.
    pub(crate) fn optional(&self) -> Option<&Type> {
        types::arguments_of("Option", &self.ty).map(|types| types[0])
    }

    /// The type that an argument is read as and kept as: `String` for `&str`.
    pub(crate) fn kept_type(&self) -> TokenStream {
        let ty = self.optional().unwrap_or(&self.ty);
        match types::shared_reference(ty) {
            Some(reference) => types::kept(&reference.elem),
            None => types::inferred(ty).to_token_stream(),
        }
    }

    /// The parameter as it is passed for each record, from what is kept under its name.
    pub(crate) fn passed(&self, kept: &Ident) -> TokenStream {
        match self.optional() {
            Some(ty) if types::shared_reference(ty).is_some() => quote! {
                #kept.as_ref().map(::std::borrow::Borrow::borrow)
            },
            None if types::shared_reference(&self.ty).is_some() => quote! {
                ::std::borrow::Borrow::borrow(&#kept)
            },
            _ => quote_spanned! { kept.span() => ::std::clone::Clone::clone(&#kept) },
        }
    }
}

/// `step = 1`
pub(crate) struct Default {
    name: Ident,
    value: Expr,
}

impl Default {
    /// The value as an argument would be written.
    pub(crate) fn text(&self) -> String {
        match &self.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value(),
            Expr::Lit(ExprLit { lit: Lit::ByteStr(text), .. }) => {
                String::from_utf8_lossy(&text.value()).into_owned()
            }
            Expr::Lit(ExprLit { lit: Lit::Char(text), .. }) => text.value().to_string(),
            Expr::Lit(ExprLit { lit: Lit::Int(integer), .. }) => integer.base10_digits().to_owned(),
            Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.base10_digits().to_owned(),
            Expr::Unary(ExprUnary { expr, .. }) => {
                let value = Self { name: self.name.clone(), value: (**expr).clone() };
                format!("-{}", value.text())
            }
            value => value.to_token_stream().to_string(),
        }
    }

    /// The value as an expression of type `kept`.
    pub(crate) fn value(&self, kept: &TokenStream) -> TokenStream {
        converted(&self.value, kept)
    }
}

/// A value as an expression of type `kept`: texts become `String`, bytes `Vec<u8>`.
pub(crate) fn converted(value: &Expr, kept: &TokenStream) -> TokenStream {
    let span = value.span();
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {
            quote_spanned! { span => <#kept as ::std::convert::From<&str>>::from(#value) }
        }
        Expr::Lit(ExprLit { lit: Lit::ByteStr(_), .. }) => {
            quote_spanned! { span => <#kept as ::std::convert::From<&[u8]>>::from(#value) }
        }
        _ => quote! { #value },
    }
}

impl Parse for Default {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>().map_err(|_| {
            Error::new(name.span(), format!("write the default of a parameter as `{name} = 1`"))
        })?;
        let value: Expr = input.parse()?;
        let literal = match &value {
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => matches!(**expr, Expr::Lit(_)),
            value => matches!(value, Expr::Lit(_)),
        };
        if literal {
            return Ok(Self { name, value });
        }
        Err(Error::new(value.span(), "a default is a literal, such as `1`, `-0.5`, `true` or `\"text\"`"))
    }
}

/// Gives each default to its parameter.
pub(crate) fn with_defaults(
    mut parameters: Vec<Parameter>,
    defaults: Vec<Default>,
) -> Result<Vec<Parameter>> {
    for default in defaults {
        let name = default.name.clone();
        let Some(parameter) = parameters.iter_mut().find(|parameter| parameter.ident == name) else {
            return Err(unknown(&name, &parameters));
        };
        if parameter.optional().is_some() {
            let message =
                format!("`{name}` is an `Option`, which is `None` by default: leave out one of both");
            return Err(Error::new(name.span(), message));
        }
        if parameter.default.replace(default).is_some() {
            return Err(Error::new(name.span(), format!("`{name}` already has a default")));
        }
    }
    Ok(parameters)
}

fn unknown(name: &Ident, parameters: &[Parameter]) -> Error {
    let names: Vec<_> = parameters.iter().map(|parameter| format!("`{}`", parameter.ident)).collect();
    let known = match names.as_slice() {
        [] => "the function has none: parameters are the arguments after the record".to_owned(),
        names => format!("the parameters are {}", names.join(", ")),
    };
    Error::new(name.span(), format!("no parameter `{name}`; {known}"))
}

//! The user's function, as far as the attributes care, and what is refused of it.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, FnArg, GenericParam, ItemFn, Lit, Meta, Pat, Result, Signature, Type};

use crate::parameter::{self, Parameter};
use crate::returned::Returned;
use crate::settings::Settings;
use crate::state::State;
use crate::types;

/// Which attribute it is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Map,
    Filter,
    FlatMap,
    Accumulate,
    Sink,
}

impl Kind {
    /// The attribute as the user writes it.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Kind::Map => "#[map]",
            Kind::Filter => "#[filter]",
            Kind::FlatMap => "#[flat_map]",
            Kind::Accumulate => "#[accumulate]",
            Kind::Sink => "#[sink]",
        }
    }
}

/// The user's function.
pub(crate) struct Function {
    pub(crate) kind: Kind,
    pub(crate) ident: Ident,
    pub(crate) docs: String,
    /// The capabilities that it needs, as it says.
    pub(crate) needs: Vec<String>,
    /// What it accumulates, if it does.
    pub(crate) state: Option<State>,
    /// The type of the record's argument.
    pub(crate) record: Type,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returned: Returned,
}

impl Function {
    /// Reads the function, and takes from it what rustc would not accept: documented arguments.
    pub(crate) fn new(kind: Kind, settings: TokenStream, item: &mut ItemFn) -> Result<Self> {
        let arguments = take_docs(&mut item.sig);
        check_signature(kind, &item.sig)?;
        let Settings { defaults, needs, start } = Settings::parse(kind, settings)?;
        let mut inputs = item.sig.inputs.iter().zip(arguments);
        let accumulates = kind == Kind::Accumulate;
        let state = accumulates.then(|| State::new(inputs.next().map(|(input, _)| input), start, &item.sig));
        let state = state.transpose()?;
        let Some((record, _)) = inputs.next() else {
            let state = if accumulates { "state: &mut u64, " } else { "" };
            let (attribute, name) = (kind.attribute(), &item.sig.ident);
            let message = format!("{attribute} needs a record: write `fn {name}({state}record: &str)`");
            return Err(Error::new(item.sig.paren_token.span.join(), message));
        };
        let record = record_type(record)?;
        let parameters = inputs.map(|(input, docs)| Parameter::new(input, docs)).collect::<Result<_>>()?;
        let parameters = parameter::with_defaults(parameters, defaults)?;
        let returned = Returned::new(kind, &item.sig)?;
        let docs = docs_of(&item.attrs);
        Ok(Self { kind, ident: item.sig.ident.clone(), docs, needs, state, record, parameters, returned })
    }

    /// The name that the plugin exports.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }
}

/// Removes doc comments from the arguments, and returns those of each.
fn take_docs(signature: &mut Signature) -> Vec<String> {
    let take = |input: &mut FnArg| {
        let attributes = match input {
            FnArg::Receiver(receiver) => &mut receiver.attrs,
            FnArg::Typed(typed) => &mut typed.attrs,
        };
        let docs = docs_of(attributes);
        attributes.retain(|attribute| !attribute.path().is_ident("doc"));
        docs
    };
    signature.inputs.iter_mut().map(take).collect()
}

/// The text of the doc comments.
fn docs_of(attributes: &[syn::Attribute]) -> String {
    let line = |attribute: &syn::Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    };
    let lines: Vec<_> = attributes.iter().filter_map(line).collect();
    let lines: Vec<_> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n").trim().to_owned()
}

/// Refuses what is no plain function.
fn check_signature(kind: Kind, signature: &Signature) -> Result<()> {
    let attribute = kind.attribute();
    if let Some(token) = &signature.asyncness {
        let message = format!(
            "{attribute} takes a plain `fn`: leave `async` out, and wait in the body; the engine runs others meanwhile"
        );
        return Err(Error::new(token.span, message));
    }
    if let Some(token) = &signature.unsafety {
        return Err(Error::new(token.span, format!("{attribute} takes a safe `fn`: leave `unsafe` out")));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new(abi.span(), format!("{attribute} takes a plain `fn`: leave `extern` out")));
    }
    let generic = |parameter: &&GenericParam| !matches!(parameter, GenericParam::Lifetime(_));
    if let Some(parameter) = signature.generics.params.iter().find(generic) {
        let message = format!(
            "{attribute} takes no generic function: write one for each type, such as `i64` or `&str`"
        );
        return Err(Error::new(parameter.span(), message));
    }
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver)) => {
            let message = format!(
                "{attribute} takes no method: write a function, and the record as its first argument"
            );
            Err(Error::new(receiver.self_token.span, message))
        }
        _ => Ok(()),
    }
}

/// The type of the record, which may have any name.
fn record_type(input: &FnArg) -> Result<Type> {
    let FnArg::Typed(typed) = input else {
        return Err(Error::new(input.span(), "write the record as the first argument"));
    };
    if !matches!(&*typed.pat, Pat::Ident(_) | Pat::Wild(_)) {
        return Err(Error::new(typed.pat.span(), "name the record, and take it apart in the body"));
    }
    check_argument_type(&typed.ty)?;
    Ok((*typed.ty).clone())
}

/// Refuses types that no text can be read as.
pub(crate) fn check_argument_type(ty: &Type) -> Result<()> {
    let advice = match types::ungrouped(ty) {
        Type::Reference(reference) if reference.mutability.is_some() => "take `&T` or `T`, not `&mut T`",
        Type::ImplTrait(_) | Type::TraitObject(_) => "write a type, not a trait",
        Type::BareFn(_) | Type::Ptr(_) | Type::Never(_) | Type::Infer(_) => {
            "write a number, `bool`, `&str`, `&[u8]` or a type that serde can deserialize"
        }
        _ => return Ok(()),
    };
    Err(Error::new(ty.span(), advice))
}

//! The registration that is written after the function.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{ItemFn, Result, Type};

use crate::function::{Function, Kind};
use crate::parameter::Parameter;
use crate::returned::{Layer, Returned};
use crate::state::State;
use crate::types;

/// The function as it was written, and its registration or the error in it.
pub(crate) fn attribute(kind: Kind, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut item = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(item) => item,
        Err(error) => {
            let error = error.to_compile_error();
            return quote! { #item #error };
        }
    };
    let registration = Function::new(kind, arguments, &mut item)
        .and_then(|function| registration(&function))
        .unwrap_or_else(|error| error.to_compile_error());
    quote! { #item #registration }
}

fn registration(function: &Function) -> Result<TokenStream> {
    let name = function.name();
    let signature = signature(function)?;
    let open = open(function);
    Ok(quote! {
        const _: () = {
            use ::engine_sdk::__private::{
                ChooseDisplay as _, ChooseInto as _, ChooseJson as _, ChooseNone as _, ChoosePlain as _,
            };
            use ::engine_sdk::__private as __sdk;

            __sdk::inventory::submit! {
                __sdk::Function {
                    name: #name,
                    location: ::std::concat!(::std::file!(), ":", ::std::line!()),
                    signature: || #signature,
                    open: |__arguments, __saved| #open,
                }
            }
        };
    })
}

fn signature(function: &Function) -> Result<TokenStream> {
    let Function { kind, docs, needs, state, record, parameters, returned, .. } = function;
    let name = function.name();
    let input = shape(&types::inferred(record));
    let (kind, output) = match (kind, &returned.value) {
        (Kind::Filter, _) => (quote! { Filter }, Some(input.clone())),
        (Kind::Map, Some(value)) => (quote! { Map }, Some(shape(&types::inferred(value)))),
        (Kind::Accumulate, Some(value)) => (quote! { Accumulate }, Some(shape(&types::inferred(value)))),
        (Kind::FlatMap, Some(value)) => (quote! { FlatMap }, Some(shape(&Returned::item_type(value)?))),
        _ => (quote! { Sink }, None),
    };
    let optional = |shape: Option<TokenStream>| match shape {
        Some(shape) => quote! { ::std::option::Option::Some(#shape) },
        None => quote! { ::std::option::Option::None },
    };
    let (output, state) = (optional(output), optional(state.as_ref().map(|state| shape(&state.ty))));
    let parameters = parameters.iter().map(parameter);
    Ok(quote! {
        __sdk::Signature {
            name: ::std::convert::Into::into(#name),
            kind: __sdk::Kind::#kind,
            input: #input,
            output: #output,
            state: #state,
            parameters: ::std::vec![#(#parameters),*],
            capabilities: ::std::vec![#(::std::convert::Into::into(#needs)),*],
            docs: ::std::convert::Into::into(#docs),
        }
    })
}

fn parameter(parameter: &Parameter) -> TokenStream {
    let (name, docs, required) = (parameter.name(), &parameter.docs, parameter.required());
    let shape = shape(&parameter.kept_type());
    let default = match &parameter.default {
        Some(default) => {
            let text = default.text();
            quote! { ::std::option::Option::Some(::std::convert::Into::into(#text)) }
        }
        None => quote! { ::std::option::Option::None },
    };
    quote! {
        __sdk::Parameter {
            name: ::std::convert::Into::into(#name),
            shape: #shape,
            required: #required,
            default: #default,
            docs: ::std::convert::Into::into(#docs),
        }
    }
}

/// What a record of the type looks like; for `&T` as for `T`.
fn shape(ty: &impl ToTokens) -> TokenStream {
    let ty = ty.to_token_stream();
    let tag = tag(&ty);
    quote! { #tag.shape() }
}

fn tag(ty: &TokenStream) -> TokenStream {
    quote_spanned! { ty.span() => (&&__sdk::Tag::<#ty>::new()) }
}

/// Binds the arguments, and returns what processes a batch.
fn open(function: &Function) -> TokenStream {
    let kept: Vec<Ident> = function.parameters.iter().map(Parameter::kept).collect();
    let bindings = function.parameters.iter().zip(&kept).map(|(parameter, kept)| bind(parameter, kept));
    let body = body(function, &kept);
    let bound = match (&function.state, function.kind) {
        (Some(state), _) => accumulation(state, &body),
        (None, Kind::Filter) => processing(&quote! { filter }, &quote! { __record }, &body),
        (None, Kind::Sink) => processing(&quote! { sink }, &quote! { __record }, &body),
        (None, _) => processing(&quote! { map }, &quote! { __record, __outputs }, &body),
    };
    quote! {{
        #(#bindings)*
        #bound
    }}
}

/// A function without a state.
fn processing(process: &TokenStream, arguments: &TokenStream, body: &TokenStream) -> TokenStream {
    quote! {
        ::std::result::Result::Ok(::std::boxed::Box::new(move |__batch: &__sdk::Batch, __room: ::std::primitive::u32| {
            __sdk::#process(__batch, __room, |#arguments| { #body })
        }))
    }
}

/// A function with one.
fn accumulation(state: &State, body: &TokenStream) -> TokenStream {
    let ty = &state.ty;
    let (start, read, tag) = (state.start(), decode(&ty.to_token_stream()), tag(&ty.to_token_stream()));
    let write = quote_spanned! { ty.span() => #tag.codec().encode(__state, __data) };
    quote! {
        __sdk::accumulate(
            __saved,
            __sdk::StateCodec::<#ty> {
                start: || #start,
                read: |__record| #read,
                write: |__state, __data| #write,
            },
            move |__state: &mut #ty, __record: &[::std::primitive::u8], __outputs: &mut __sdk::Outputs| { #body },
        )
    }
}

/// Reads one argument.
fn bind(parameter: &Parameter, kept: &Ident) -> TokenStream {
    let name = parameter.name();
    let ty = parameter.kept_type();
    let decode = decode(&ty);
    let given = quote! { (#name, |__record| #decode)? };
    match &parameter.default {
        _ if parameter.optional().is_some() => quote! { let #kept = __arguments.optional #given; },
        None => quote! { let #kept = __arguments.required #given; },
        Some(default) => {
            let value = default.value(&ty);
            quote! {
                let #kept: #ty = match __arguments.optional #given {
                    ::std::option::Option::Some(__given) => __given,
                    ::std::option::Option::None => {
                        let __default: #ty = #value;
                        __default
                    }
                };
            }
        }
    }
}

/// Reads `__record`, as an expression of type `Result<ty, Failure>`.
fn decode(ty: &TokenStream) -> TokenStream {
    let tag = tag(ty);
    quote_spanned! { ty.span() => #tag.codec().decode::<#ty>(__record) }
}

/// What is done with one record.
fn body(function: &Function, kept: &[Ident]) -> TokenStream {
    let ident = &function.ident;
    let (record, argument) = record(&function.record);
    let passed = function.parameters.iter().zip(kept).map(|(parameter, kept)| parameter.passed(kept));
    let layers = function.returned.layers.iter().map(peel);
    let write = write(function);
    let state = function.state.as_ref().map(|_| quote! { __state, });
    quote! {
        let __value = #record?;
        let __value = #ident(#state #argument #(, #passed)*);
        #(#layers)*
        #write
    }
}

/// How to read the record, and how to pass it: as it is, or lent where a reference is wanted.
fn record(ty: &Type) -> (TokenStream, TokenStream) {
    match types::shared_reference(ty) {
        Some(reference) if !types::is_lent(&reference.elem) => {
            let kept = types::kept(&reference.elem);
            (decode(&kept), quote! { ::std::borrow::Borrow::borrow(&__value) })
        }
        _ => (decode(&types::inferred(ty).to_token_stream()), quote! { __value }),
    }
}

fn peel(layer: &Layer) -> TokenStream {
    match layer {
        Layer::Result(error) => {
            let failure = quote_spanned! { *error => __reason.failure(__error) };
            quote! {
                let __value = match __value {
                    ::std::result::Result::Ok(__value) => __value,
                    ::std::result::Result::Err(__error) => {
                        let __reason = (&__sdk::Tag::of(&__error)).reason();
                        return ::std::result::Result::Err(#failure);
                    }
                };
            }
        }
        Layer::Option => quote! {
            let ::std::option::Option::Some(__value) = __value else {
                return ::std::result::Result::Ok(0);
            };
        },
    }
}

/// What becomes of the value.
fn write(function: &Function) -> TokenStream {
    let span = function.returned.value.as_ref().map_or_else(|| function.ident.span(), Spanned::span);
    let push = quote_spanned! { span =>
        let __codec = (&&__sdk::Tag::of(&__value)).codec();
        __outputs.push(|__data| __codec.encode(&__value, __data))?;
    };
    match function.kind {
        Kind::Map | Kind::Accumulate => quote! { #push ::std::result::Result::Ok(1) },
        Kind::FlatMap => {
            let values = quote_spanned! { span => ::std::iter::IntoIterator::into_iter(__value) };
            quote! {
                let mut __count = 0;
                for __value in #values {
                    #push
                    __count += 1;
                }
                ::std::result::Result::Ok(__count)
            }
        }
        Kind::Filter => {
            let keep = quote_spanned! { span => let __keep: bool = __value; };
            quote! { #keep ::std::result::Result::Ok(__keep) }
        }
        Kind::Sink => quote! { ::std::result::Result::Ok(__value) },
    }
}

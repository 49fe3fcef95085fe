//! What stands in the parentheses of an attribute: defaults of parameters, and `needs(…)`.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitStr, Result, Token, parenthesized, token};

use crate::parameter::Default;

/// The settings of one attribute.
pub(crate) struct Settings {
    pub(crate) defaults: Vec<Default>,
    /// Capabilities, as the signature names them.
    pub(crate) needs: Vec<String>,
}

enum Setting {
    Default(Default),
    Needs(Vec<LitStr>),
}

impl Settings {
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut settings = Self { defaults: Vec::new(), needs: Vec::new() };
        for setting in Punctuated::<Setting, Token![,]>::parse_terminated.parse2(tokens)? {
            match setting {
                Setting::Default(default) => settings.defaults.push(default),
                Setting::Needs(needs) => {
                    for need in needs {
                        check(&need)?;
                        settings.needs.push(need.value());
                    }
                }
            }
        }
        Ok(settings)
    }
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let ahead = input.fork();
        let needs = ahead.parse::<Ident>().is_ok_and(|name| name == "needs") && ahead.peek(token::Paren);
        if !needs {
            return input.parse().map(Self::Default);
        }
        input.parse::<Ident>()?;
        let content;
        parenthesized!(content in input);
        Ok(Self::Needs(Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?.into_iter().collect()))
    }
}

/// Refuses what nobody could grant.
fn check(need: &LitStr) -> Result<()> {
    let text = need.value();
    let (kind, rest) = text.split_once(':').map_or((&*text, None), |(kind, rest)| (kind, Some(rest)));
    let right = match (kind, rest) {
        ("dir" | "net" | "clock" | "random", None) => true,
        ("dir" | "env", Some(name)) => !name.is_empty(),
        ("net", Some(address)) => address
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()),
        _ => false,
    };
    let message = "a function can need `dir`, `dir:PATH`, `dir:PATH:ro`, `net`, `net:HOST:PORT`, `env:NAME`, `clock` or `random`";
    if right { Ok(()) } else { Err(Error::new(need.span(), message)) }
}

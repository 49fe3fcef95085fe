//! What stands in the parentheses of an attribute: defaults of parameters, `needs(…)`, and how a state begins.

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, LitStr, Result, Token, parenthesized, token};

use crate::function::Kind;
use crate::parameter::Default;

/// The settings of one attribute.
pub(crate) struct Settings {
    pub(crate) defaults: Vec<Default>,
    /// Capabilities, as the signature names them.
    pub(crate) needs: Vec<String>,
    /// What a state begins as.
    pub(crate) start: Option<Expr>,
}

enum Setting {
    Default(Default),
    Needs(Vec<LitStr>),
    Start(Ident, Expr),
}

impl Settings {
    pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> Result<Self> {
        let mut settings = Self { defaults: Vec::new(), needs: Vec::new(), start: None };
        let setting = if kind == Kind::Accumulate { Setting::parse_with_start } else { Setting::parse };
        let parse =
            |input: ParseStream<'_>| Punctuated::<_, Token![,]>::parse_terminated_with(input, setting);
        for setting in parse.parse2(tokens)? {
            match setting {
                Setting::Start(name, start) => {
                    if settings.start.replace(start).is_some() {
                        return Err(Error::new(name.span(), "`start` is given twice"));
                    }
                }
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

impl Setting {
    /// Of a function that accumulates.
    fn parse_with_start(input: ParseStream<'_>) -> Result<Self> {
        let ahead = input.fork();
        if !ahead.parse::<Ident>().is_ok_and(|name| name == "start") || !ahead.peek(Token![=]) {
            return Self::parse(input);
        }
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok(Self::Start(name, input.parse()?))
    }

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

/// Refuses what could never be granted.
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

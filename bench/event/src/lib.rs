//! The record of the JSON benchmarks, an event of a web shop, and what they do to it. Native programs
//! and plugins share this crate, so that they do the same work; how JSON is read and written is left to
//! them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// An order that a customer placed. Text without escapes borrows from the JSON that it was read from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Event<'a> {
    /// A number of the event.
    pub id: u64,
    /// When it happened, in milliseconds since 1970.
    pub ts: u64,
    /// Who ordered.
    #[serde(borrow)]
    pub user: User<'a>,
    /// What is paid, in units of the currency, rounded to hundredths.
    pub amount: f64,
    /// The currency's three letters.
    #[serde(borrow)]
    pub currency: Cow<'a, str>,
    /// Words that the shop sorts its events by.
    pub tags: Vec<String>,
    /// What was ordered.
    #[serde(borrow)]
    pub items: Vec<Item<'a>>,
    /// What the customer wrote to the shop.
    #[serde(borrow)]
    pub note: Cow<'a, str>,
}

/// A customer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct User<'a> {
    /// First and last name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Where the shop writes to.
    #[serde(borrow)]
    pub email: Cow<'a, str>,
    /// The country's two letters.
    #[serde(borrow)]
    pub country: Cow<'a, str>,
}

/// One article of an order.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Item<'a> {
    /// The shop's name of the article.
    #[serde(borrow)]
    pub sku: Cow<'a, str>,
    /// How many of it.
    pub count: u32,
    /// What one costs.
    pub price: f64,
}

/// Takes a tenth off the amount, and writes the country in capitals.
pub fn change(mut event: Event<'_>) -> Event<'_> {
    event.amount = (event.amount * 90.0).round() / 100.0;
    event.user.country.to_mut().make_ascii_uppercase();
    event
}

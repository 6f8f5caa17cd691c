//! A program that is called as lego's `exec` provider does.
//!
//! <https://go-acme.github.io/lego/dns/exec/>

use super::{Action, Call, Place};
use crate::hooks::{self, HookError};

/// A command, and what is put behind its words.
#[derive(Clone, Debug)]
pub(crate) struct Exec {
    pub(super) command: String,
    words: Vec<String>,
    is_raw: bool,
}

impl Exec {
    pub(super) fn new(command: &str, is_raw: bool) -> Result<Self, HookError> {
        hooks::check(command)?;
        Ok(Self { command: command.to_owned(), words: hooks::split(command)?, is_raw })
    }

    pub(super) fn call(&self, action: Action, place: &Place) -> Call {
        let challenge = &place.challenge;
        let told = if self.is_raw {
            let (domain, token) = (challenge.identifier.to_string(), challenge.token.clone());
            vec!["--".to_owned(), domain, token, challenge.key_authorization().to_owned()]
        } else {
            vec![format!("{}.", place.name), challenge.dns_value()]
        };
        let words = self.words.iter().cloned().chain([action.word().to_owned()]).chain(told).collect();
        Call { words, variables: Vec::new(), absent: None, is_apart: false }
    }
}

//! Accounts at CAs.

use std::path::Path;

use acme_proto::SecretText;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::database::{self, seconds};
use crate::error::Error;
use crate::store::Store;

/// An account at a CA. The directory's URL and the label tell it from others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The directory of the CA.
    pub directory_url: String,
    /// What tells several accounts at one CA apart; empty for the first.
    pub label: String,
    /// The account's URL, once the CA has answered.
    pub url: Option<String>,
    /// The account's private key.
    pub key_pem: SecretText,
    /// The key of a rollover that is under way: the CA may know either of the two.
    pub next_key_pem: Option<SecretText>,
    /// The contact URLs that the CA was given.
    pub contacts: Vec<String>,
    /// When the CA's terms were agreed to.
    pub terms_agreed_at: Option<Timestamp>,
    /// The identifier of the external account that it is bound to.
    pub external_account: Option<String>,
    /// The root to trust for the connection, instead of the system's roots.
    pub root_pem: Option<String>,
    /// When the key was stored.
    pub created: Timestamp,
}

impl Account {
    /// An account that the CA has not heard of yet.
    #[must_use]
    pub fn new(
        directory_url: impl Into<String>,
        label: impl Into<String>,
        key_pem: SecretText,
        created: Timestamp,
    ) -> Self {
        Self {
            directory_url: directory_url.into(),
            label: label.into(),
            url: None,
            key_pem,
            next_key_pem: None,
            contacts: Vec::new(),
            terms_agreed_at: None,
            external_account: None,
            root_pem: None,
            created,
        }
    }
}

/// Accounts.
impl Store {
    /// Stores an account unless there is one, and returns the one that is stored.
    ///
    /// Call it before the CA hears of the key. Of two processes that do so at once one stores
    /// its key, and both get that one.
    pub fn create_account(&self, account: &Account) -> Result<Account, Error> {
        self.write(|database, path| {
            if let Some(stored) = find(database, path, &account.directory_url, &account.label)? {
                return Ok(stored);
            }
            put(database, path, account)?;
            Ok(account.clone())
        })
    }

    /// Finds an account.
    pub fn account(&self, directory_url: &str, label: &str) -> Result<Option<Account>, Error> {
        self.read(|database, path| find(database, path, directory_url, label))
    }

    /// Lists all accounts, by directory and label.
    pub fn accounts(&self) -> Result<Vec<Account>, Error> {
        self.read(|database, path| {
            database::rows(
                database,
                path,
                "an account",
                &format!("{SELECT} ORDER BY directory_url, label"),
                [],
                account,
            )
        })
    }

    /// Changes an account in one transaction, and returns it as it is then.
    ///
    /// `change` sees the account as it is stored at that moment, not as somebody read it before.
    /// It must not use the store. The directory's URL and the label stay as they are.
    pub fn update_account(
        &self,
        directory_url: &str,
        label: &str,
        change: impl FnOnce(&mut Account),
    ) -> Result<Account, Error> {
        self.write(|database, path| {
            let mut account = find(database, path, directory_url, label)?.ok_or_else(|| {
                Error::NoSuchAccount { directory_url: directory_url.into(), label: label.into() }
            })?;
            change(&mut account);
            account.directory_url = directory_url.into();
            account.label = label.into();
            put(database, path, &account)?;
            Ok(account)
        })
    }

    /// Forgets an account and its key.
    pub fn remove_account(&self, directory_url: &str, label: &str) -> Result<(), Error> {
        self.write(|database, path| {
            let removed = database::execute(
                database,
                path,
                "DELETE FROM accounts WHERE directory_url = ?1 AND label = ?2",
                params![directory_url, label],
            )?;
            if removed == 0 {
                return Err(Error::NoSuchAccount {
                    directory_url: directory_url.into(),
                    label: label.into(),
                });
            }
            Ok(())
        })
    }
}

fn find(
    database: &Connection,
    path: &Path,
    directory_url: &str,
    label: &str,
) -> Result<Option<Account>, Error> {
    database
        .query_row(
            &format!("{SELECT} WHERE directory_url = ?1 AND label = ?2"),
            params![directory_url, label],
            account,
        )
        .optional()
        .map_err(|error| database::item_error(path, "an account", error))
}

fn put(database: &Connection, path: &Path, account: &Account) -> Result<(), Error> {
    database::execute(
        database,
        path,
        "INSERT OR REPLACE INTO accounts (directory_url, label, url, key_pem, next_key_pem, contacts, \
         terms_agreed_at, external_account, root_pem, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            account.directory_url,
            account.label,
            account.url,
            account.key_pem.expose(),
            account.next_key_pem.as_ref().map(SecretText::expose),
            database::to_json(path, "an account's contacts", &account.contacts)?,
            account.terms_agreed_at.map(seconds),
            account.external_account,
            account.root_pem,
            seconds(account.created),
        ],
    )?;
    Ok(())
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        directory_url: row.get("directory_url")?,
        label: row.get("label")?,
        url: row.get("url")?,
        key_pem: SecretText::new(row.get("key_pem")?),
        next_key_pem: row.get::<_, Option<String>>("next_key_pem")?.map(SecretText::new),
        contacts: database::json(row, "contacts")?,
        terms_agreed_at: database::optional_time(row, "terms_agreed_at")?,
        external_account: row.get("external_account")?,
        root_pem: row.get("root_pem")?,
        created: database::time(row, "created")?,
    })
}

const SELECT: &str = "SELECT * FROM accounts";

//! SQLite: connections, and values in and out of rows.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ItemError};
use crate::name::CertificateName;
use crate::schema;

/// Opens a database that exists as a file, if only an empty one.
pub(crate) fn open(dir: &Path, path: &Path) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_EXRESCODE,
    )
    .map_err(|error| Error::from_sqlite(path, error))?;
    configure(&connection).map_err(|error| Error::from_sqlite(path, error))?;
    schema::check_and_migrate(dir, path, &connection)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // SQLite's words are all that is asked of it: no schema of its own choice may run code.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted here may be a key.
    connection.pragma_update(None, "secure_delete", true)
}

pub(crate) fn execute(
    database: &Connection,
    path: &Path,
    sql: &str,
    params: impl Params,
) -> Result<usize, Error> {
    database
        .prepare(sql)
        .and_then(|mut statement| statement.execute(params))
        .map_err(|error| Error::from_sqlite(path, error))
}

/// Reads all rows but the damaged ones, which are logged as `item`; the others are still good.
pub(crate) fn rows<T>(
    database: &Connection,
    path: &Path,
    item: &str,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Error> {
    let sqlite = |error| Error::from_sqlite(path, error);
    let mut statement = database.prepare(sql).map_err(sqlite)?;
    let mut rows = statement.query(params).map_err(sqlite)?;
    let mut items = Vec::new();
    while let Some(row) = rows.next().map_err(sqlite)? {
        match read(row).map_err(|error| item_error(path, item, error)) {
            Ok(read) => items.push(read),
            Err(error @ Error::DamagedItem { .. }) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an item is left out");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(items)
}

/// Tells an item that can't be read from a database that can't.
pub(crate) fn item_error(path: &Path, item: &str, error: rusqlite::Error) -> Error {
    let source = if let rusqlite::Error::FromSqlConversionFailure(_, _, source) = error {
        ItemError::new(source)
    } else if matches!(
        error,
        rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::IntegralValueOutOfRange(..)
    ) {
        ItemError::new(error)
    } else {
        return Error::from_sqlite(path, error);
    };
    Error::DamagedItem { path: path.to_path_buf(), item: item.into(), source }
}

pub(crate) fn to_json(path: &Path, item: &str, value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::DamagedItem {
        path: path.to_path_buf(),
        item: item.into(),
        source: ItemError::new(error),
    })
}

pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| conversion(JsonFault::from(&error)))
}

pub(crate) fn optional_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|error| conversion(JsonFault::from(&error)))
}

/// Where JSON goes wrong, without serde's words: they may quote a key.
#[derive(Debug, thiserror::Error)]
#[error("its JSON is not what was stored: {category:?} at column {column}")]
struct JsonFault {
    category: serde_json::error::Category,
    column: usize,
}

impl From<&serde_json::Error> for JsonFault {
    fn from(error: &serde_json::Error) -> Self {
        Self { category: error.classify(), column: error.column() }
    }
}

pub(crate) fn name(row: &Row<'_>, column: &str) -> rusqlite::Result<CertificateName> {
    CertificateName::from_str(row.get_ref(column)?.as_str()?).map_err(conversion)
}

pub(crate) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    Timestamp::from_second(row.get(column)?).map_err(conversion)
}

pub(crate) fn optional_time(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?
        .map(|second| Timestamp::from_second(second).map_err(conversion))
        .transpose()
}

pub(crate) fn seconds(time: Timestamp) -> i64 {
    time.as_second()
}

fn conversion(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

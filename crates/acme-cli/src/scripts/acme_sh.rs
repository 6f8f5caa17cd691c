//! A `dns_*` script of an installed acme.sh, run by acme.sh's own functions.
//!
//! <https://github.com/acmesh-official/acme.sh/wiki/DNS-API-Dev-Guide>

use std::path::{Path, PathBuf};

use super::{Action, Call, Place, ScriptError};

/// A script, and the acme.sh that it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct AcmeSh {
    pub(super) name: String,
    home: PathBuf,
    config: Option<PathBuf>,
    script: PathBuf,
}

impl AcmeSh {
    /// Looks for the script where acme.sh looks: beside its own file, and in `dnsapi`.
    pub(super) fn new(name: &str, home: &Path, config: Option<&Path>) -> Result<Self, ScriptError> {
        let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !name.starts_with(PREFIX) || !is_name(name) {
            return Err(ScriptError::AcmeShName { name: name.to_owned() });
        }
        if !home.join(ENTRY).is_file() {
            return Err(ScriptError::NoAcmeSh { home: home.to_path_buf() });
        }
        let file = format!("{name}.sh");
        let mut places = [Some(home), config].into_iter().flatten().flat_map(|dir| {
            let of_user = dir.join(&file);
            [of_user, dir.join("dnsapi").join(&file)]
        });
        let script = places.find(|path| path.is_file());
        let missing = || ScriptError::NoScript { name: name.to_owned(), home: home.to_path_buf() };
        let (home, config) = (home.to_path_buf(), config.map(Path::to_path_buf));
        Ok(Self { name: name.to_owned(), home, config, script: script.ok_or_else(missing)? })
    }

    pub(super) fn call(&self, action: Action, place: &Place) -> Call {
        let verb = match action {
            Action::Cleanup => "rm",
            Action::Present => "add",
        };
        let script = self.script.display().to_string();
        let function = format!("{}_{verb}", self.name);
        let (domain, value) = (place.challenge.identifier.to_string(), place.challenge.dns_value());
        let mut words: Vec<String> = ["sh", "-c", CALL, ENTRY].map(str::to_owned).to_vec();
        words.extend([script, function, domain, place.name.clone(), value]);
        let mut variables = vec![("LE_WORKING_DIR", self.home.display().to_string())];
        variables.extend(self.config.iter().map(|dir| ("LE_CONFIG_HOME", dir.display().to_string())));
        Call { words, variables, absent: None, is_apart: false }
    }
}

/// Whether a name is one of such a script, as acme.sh's `--dns` takes it.
pub(super) fn is_script(name: &str) -> bool {
    name.starts_with(PREFIX)
}

const PREFIX: &str = "dns_";

/// The name of acme.sh's own file.
const ENTRY: &str = "acme.sh";

/// What a shell is given: nothing is put into it, all that differs comes as arguments.
///
/// Sourced with a word, acme.sh runs that word as a command, and else prints its help. It reads its
/// configuration in `_initpath`; the name is for what it keeps for single certificates.
const CALL: &str = r#"
_acmectl_script=$1 _acmectl_function=$2 _acmectl_domain=$3 _acmectl_name=$4 _acmectl_value=$5
_SCRIPT_HOME=$LE_WORKING_DIR
export _SCRIPT_HOME
set -- :
. "$LE_WORKING_DIR/acme.sh" || exit
_initpath "$_acmectl_domain"
. "$_acmectl_script" || exit
"$_acmectl_function" "$_acmectl_name" "$_acmectl_value"
"#;

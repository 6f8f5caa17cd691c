//! Accounts and their keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Response};
use serde_json::{Value, json};

use super::{ACCOUNT, Ca, jws};

impl Ca {
    pub(super) fn new_account(&mut self, protected: &Value, payload: &str) -> Response<Vec<u8>> {
        assert!(protected["jwk"].is_object(), "newAccount is signed with the key itself");
        let key = protected["jwk"]["x"].as_str().map(str::to_string);
        if key.is_some() && key == self.taken_key {
            return self.account(200, "/acct/2");
        }
        let is_new = self.accounts == 0 || self.account_key != key;
        if is_new && payload.contains("onlyReturnExisting") {
            return self.problem(400, "accountDoesNotExist");
        }
        self.bindings += u32::from(payload.contains("externalAccountBinding"));
        let is_strict =
            self.directory.get("meta").is_some_and(|meta| meta["externalAccountRequired"] == true);
        if is_new && is_strict && self.bindings == 0 {
            return self.problem(403, "externalAccountRequired");
        }
        if self.is_account_deactivated {
            return self.problem(401, "unauthorized");
        }
        self.accounts += u32::from(is_new);
        self.account_key = key;
        self.account(if is_new { 201 } else { 200 }, "/acct/1")
    }

    fn account(&mut self, status: u16, path: &'static str) -> Response<Vec<u8>> {
        let mut response = self.json(status, json!({"status": "valid"}));
        response.headers_mut().insert("location", HeaderValue::from_static(path));
        response
    }

    pub(super) fn change_key(&mut self, outer: &Value, payload: &str) -> Response<Vec<u8>> {
        let (inner, wish) = jws(payload.as_bytes());
        let wish: Value = serde_json::from_str(&wish).expect("JSON");
        let new_key = inner["jwk"]["x"].as_str().map(str::to_string);
        assert_eq!(inner["url"], outer["url"], "section 7.3.5");
        assert!(inner.get("nonce").is_none() && inner.get("kid").is_none(), "section 7.3.5");
        assert_eq!(Some(signer(payload.as_bytes())), new_key, "signed by the new key");
        assert_eq!((&wish["account"], &outer["kid"]), (&json!(ACCOUNT), &json!(ACCOUNT)));
        if wish["oldKey"]["x"].as_str() != self.account_key.as_deref() {
            return self.problem(400, "malformed");
        }
        if new_key == self.account_key || new_key == self.taken_key {
            let owner = if new_key == self.taken_key { "/acct/2" } else { "/acct/1" };
            let mut response = self.problem(409, "malformed");
            response.headers_mut().insert("location", HeaderValue::from_static(owner));
            return response;
        }
        self.key_changes += 1;
        self.account_key = new_key;
        self.account(200, "/acct/1")
    }
}

/// The `x` of the key that signed: toy signers put it in place of a signature.
pub(super) fn signer(body: &[u8]) -> String {
    let document: Value = serde_json::from_slice(body).expect("a flattened JWS");
    let signature = document["signature"].as_str().expect("a signature");
    String::from_utf8(URL_SAFE_NO_PAD.decode(signature).expect("base64url")).expect("UTF-8")
}

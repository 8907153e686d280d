//! A store's settings are read as they are written, and are refused whole where a part of them is not understood.
//!
//! The input is the settings object of a store.
#![no_main]

use contract::settings::{StoreSettings, StoreSettingsError};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Map, Value};

const KNOWN: [&str; 5] = ["grace", "v1", "immutable", "changing-ttl", "s3"];

fuzz_target!(|input: &[u8]| -> Corpus {
    let said = serde_json::from_slice::<Map<String, Value>>(input);
    match StoreSettings::from_bytes(input) {
        Ok(settings) => {
            let said = said.expect("settings are an object");
            assert!(said.keys().all(|key| KNOWN.contains(&key.as_str())));
            let bytes = settings.to_bytes();
            let again = StoreSettings::from_bytes(&bytes).expect("they are written as settings");
            assert_eq!(again, settings, "{}", String::from_utf8_lossy(&bytes));
            assert_eq!(again.to_bytes(), bytes, "they have one writing");
        }
        Err(StoreSettingsError::Unknown(key)) => {
            let said = said.expect("who names a key has read it");
            assert!(said.contains_key(&key) && !KNOWN.contains(&key.as_str()), "{key}");
        }
        Err(StoreSettingsError::ChangingTtl) => {
            assert!(said.expect("they are an object").contains_key("changing-ttl"));
        }
        Err(StoreSettingsError::Damaged(error)) => assert!(!error.to_string().is_empty()),
    }
    Corpus::Keep
});

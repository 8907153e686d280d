//! The settings in force, and which bases are up. A request reads them by one atomic load; who replaces them waits for
//! nobody.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::documents::Documents;
use crate::health::Health;
use crate::settings::Settings;
use crate::sight::Sight;

/// What every request is decided by, until it is replaced.
#[derive(Clone, Debug)]
pub struct Live {
    view: Arc<ArcSwap<View>>,
    /// What is counted and logged goes on when they are replaced.
    sight: Arc<Sight>,
}

/// Settings and the health of their bases: one belongs to the other, so they change together.
#[derive(Debug)]
pub struct View {
    /// The settings.
    pub settings: Settings,
    /// Which of their bases are up.
    pub health: Health,
    /// The documents that are kept, where they are served.
    pub(crate) documents: Option<Arc<Documents>>,
}

impl Live {
    /// What is in force at this moment. A request holds on to it until it is answered.
    pub fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// What is counted and logged.
    pub fn sight(&self) -> &Sight {
        &self.sight
    }

    /// From the next request on.
    pub(crate) fn replace(&self, settings: Settings, health: Health) {
        let before = self.view();
        // What is kept stays good, whatever the routes are.
        let documents = match (&settings.documents, &before.settings.documents) {
            (Some(now), Some(then)) if now == then => before.documents.clone(),
            (now, _) => now.as_ref().map(Documents::new),
        };
        self.view.store(Arc::new(View { settings, health, documents }));
    }
}

/// With every base taken to be up, until somebody watches them.
impl From<Settings> for Live {
    fn from(settings: Settings) -> Self {
        let sight = Arc::new(Sight::new(settings.access_log));
        let documents = settings.documents.as_ref().map(Documents::new);
        let view = View { settings, health: Health::default(), documents };
        Self { view: Arc::new(ArcSwap::from_pointee(view)), sight }
    }
}

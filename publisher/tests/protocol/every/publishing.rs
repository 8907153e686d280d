//! A publisher, in the order of `plan/order.rs`, carried out by `Apply::run`.

use super::search::Next;
use super::state::{
    Collecting, Doing, LAYER, Publisher, Set, State, WINDOW, among, bit, link, manifest, parts,
};
use super::{Protocol, Wrong};

/// What one publisher may do next.
pub(super) struct Publishing<'a> {
    pub(super) protocol: &'a Protocol,
    pub(super) state: &'a State,
    pub(super) who: usize,
    pub(super) next: &'a mut Vec<Next>,
}

impl Publishing<'_> {
    pub(super) fn steps(&mut self) {
        let me = self.me();
        match me.doing {
            // `survey`: before its first look.
            Doing::Begin => self.go("begins", Publisher { doing: Doing::LookForLink, ..Publisher::NEW }),
            Doing::LookForLink => self.look_for_link(),
            Doing::LookForLayer => self.look_for_layer(),
            Doing::RefreshLink => self.refresh(link(self.image()), Doing::Ask),
            Doing::RefreshLayer => self.refresh(LAYER, Doing::WriteManifest),
            // `order::blobs`.
            Doing::SendLayer => {
                let sent = Publisher { doing: Doing::WriteManifest, ..me };
                self.write("sends the layer", LAYER, sent);
            }
            // `order::layer_links`, `order::manifests`.
            Doing::WriteManifest => {
                let written = Publisher { doing: Doing::Ask, ..me };
                self.write("writes the manifest", manifest(self.image()), written);
            }
            Doing::Ask => self.ask(),
            Doing::Wait => self.wait(),
            Doing::LookAgain => self.look_again(),
            Doing::Promise => self.promise(),
            Doing::Done => {}
        }
    }

    fn me(&self) -> Publisher {
        self.state.publishers[self.who]
    }

    fn image(&self) -> usize {
        self.protocol.image(self.who)
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.protocol.wrong == Some(wrong)
    }

    fn go_in(&mut self, what: &'static str, mut state: State, me: Publisher) {
        state.publishers[self.who] = me;
        self.next.push((what, state));
    }

    fn go(&mut self, what: &'static str, me: Publisher) {
        self.go_in(what, *self.state, me);
    }

    fn write(&mut self, what: &'static str, object: usize, me: Publisher) {
        let mut state = *self.state;
        state.objects |= bit(object);
        let me = self.trusting(me, object);
        self.go_in(what, state, me);
    }

    /// `until_whole` plans anew, knowing nothing of before: as the other publisher does, who may begin now.
    fn in_vain(&mut self) {
        self.go("gives up its plan", self.me().ended());
    }

    /// The first look of `survey`; `Existing::is_whole`. That asks for the view as well, which is written before the
    /// link, removed after it and refreshed with it: without it, more is trusted here.
    fn look_for_link(&mut self) {
        let (object, me) = (link(self.image()), self.me());
        let whole = Publisher { whole: true, linked: true, ..me };
        if self.state.is_there(object) {
            self.found(object, whole, [Doing::RefreshLink, Doing::Ask]);
        } else {
            self.go("finds no revision link", Publisher { doing: Doing::LookForLayer, ..me });
        }
    }

    /// The second look of `survey`.
    fn look_for_layer(&mut self) {
        let me = self.me();
        if self.state.is_there(LAYER) {
            self.found(LAYER, me, [Doing::RefreshLayer, Doing::WriteManifest]);
        } else {
            self.go("finds no layer", Publisher { doing: Doing::SendLayer, ..me });
        }
    }

    /// `order::refresh`: what is older than half the grace.
    fn found(&mut self, object: usize, me: Publisher, [refresh, after]: [Doing; 2]) {
        let trusts = self.is(Wrong::Unrefreshed) || (me.whole && self.is(Wrong::TrustsOldLink));
        let doing = if trusts { after } else { refresh };
        self.go("finds something old", Publisher { doing, ..me });
        let trusting = self.trusting(Publisher { doing: after, ..me }, object);
        self.go("finds something young", trusting);
    }

    /// `Step::Refresh`; `lacks`.
    fn refresh(&mut self, object: usize, doing: Doing) {
        if self.state.is_there(object) {
            self.write("refreshes", object, Publisher { doing, ..self.me() });
        } else {
            self.in_vain();
        }
    }

    /// `Trust::needed`: what the plan relies on, and what it wrote.
    fn needed(&self) -> Set {
        let (me, image) = (self.me(), self.image());
        let below = if me.whole { 0 } else { parts(image) };
        below | if me.linked { bit(link(image)) } else { 0 }
    }

    /// `Trust::allows`, `Said::concerns`. At the bound itself it may go either way.
    fn ask(&mut self) {
        let (me, collector) = (self.me(), self.state.collector);
        let over = match collector.collecting {
            Collecting::Ended => WINDOW,
            _ => self.protocol.trust + WINDOW,
        };
        let forgotten = self.is(Wrong::Forgotten) && collector.collecting != Collecting::Ended;
        let bound = if forgotten { self.protocol.trust } else { me.since + over };
        if self.is(Wrong::Unasked) || collector.age >= bound {
            self.allowed("finds that nobody concerns it", me);
        }
        if !self.is(Wrong::Unasked) && collector.age <= bound {
            let after_a_look = collector.window.is_some();
            let waiting = Publisher { doing: Doing::Wait, waited: 0, after_a_look, ..me };
            let doing = if self.is(Wrong::Hasty) { Doing::LookAgain } else { Doing::Wait };
            let look = if self.is(Wrong::Hasty) { self.needed() } else { 0 };
            self.go("finds a collector", Publisher { doing, look, ..waiting });
        }
    }

    /// The end of the sleep. What a collector had looked at before that it can no longer remove.
    fn wait(&mut self) {
        let me = self.me();
        if me.waited < WINDOW {
            return;
        }
        let mut state = *self.state;
        if me.after_a_look {
            state.collector = state.collector.closed();
        }
        let me = Publisher { waited: 0, after_a_look: false, ..me };
        if self.is(Wrong::Blind) {
            self.go_in("has waited", state, Publisher { doing: Doing::Promise, ..me });
        } else {
            let look = self.needed();
            self.go_in("has waited", state, Publisher { doing: Doing::LookAgain, look, ..me });
        }
    }

    /// `Trust::all_there`, in any order.
    fn look_again(&mut self) {
        let me = self.me();
        if !self.state.all_there(me.look) {
            self.in_vain();
        }
        for object in among(me.look) {
            if self.state.is_there(object) {
                let me = Publisher { look: me.look & !bit(object), after_a_look: false, ..me };
                if me.look == 0 {
                    self.allowed("has looked again", me);
                } else {
                    self.go("looks again", me);
                }
            }
        }
    }

    /// The end of `Trust::allows`: not later than `Grace::trust` allows.
    fn allowed(&mut self, what: &'static str, me: Publisher) {
        if me.since <= self.protocol.trust || self.is(Wrong::Late) {
            self.go(what, Publisher { doing: Doing::Promise, ..me });
        }
        if me.since >= self.protocol.trust && !self.is(Wrong::Late) {
            self.in_vain();
        }
    }

    /// `order::link`, then `order::commit`. A write may be a window under way.
    fn promise(&mut self) {
        let (me, image) = (self.me(), self.image());
        if me.since > self.protocol.trust + WINDOW && !self.is(Wrong::Late) {
            return;
        }
        if me.linked {
            let mut state = *self.state;
            state.tags[1 + self.who] = true;
            self.go_in("writes the tag link", state, me.ended());
        } else {
            let linked = Publisher { linked: true, doing: Doing::Ask, ..me };
            self.write("writes the revision link", link(image), linked);
        }
    }

    /// From here on it relies on its being young.
    fn trusting(&self, me: Publisher, object: usize) -> Publisher {
        let young = if me.since < self.protocol.reserved() { me.young | bit(object) } else { 0 };
        Publisher { young, ..me }
    }
}

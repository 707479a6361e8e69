"""mailconsent: an e-mail marketing consent and unsubscribe processor. Newsletter systems import `mailconsent.client`."""

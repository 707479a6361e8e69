"""mailconsent: a consent and unsubscribe processor for e-mail marketing. Senders import `mailconsent.client`."""

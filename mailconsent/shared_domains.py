"""
Domains under which people have mailboxes who have nothing to do with each other: nobody owns them all, so that a no for
the whole domain is seldom meant.

The mailbox providers are those that most lists of free providers agree on; the registries are of the ICANN section of
the Public Suffix List (https://publicsuffix.org/list/), those of the countries with most domains. Neither is whole, nor
can it be: this guards against a slip of the hand, and against nothing else.
"""

_PROVIDERS = """
aol.com bluewin.ch btinternet.com comcast.net fastmail.com free.fr freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de
gmx.net hotmail.co.uk hotmail.com hotmail.de hotmail.fr hotmail.it icloud.com jubii.dk laposte.net libero.it live.co.uk
live.com live.dk live.nl live.se mac.com mail.com mail.dk mail.ru mailbox.org me.com msn.com naver.com orange.fr
outlook.com outlook.de outlook.dk outlook.fr posteo.de proton.me protonmail.com qq.com seznam.cz sfr.fr sky.com
stofanet.dk t-online.de telenet.be telia.com tiscali.it tutanota.com verizon.net virgilio.it wanadoo.fr web.de wp.pl
yahoo.co.jp yahoo.co.uk yahoo.com yahoo.de yahoo.es yahoo.fr yahoo.it yandex.ru ymail.com youmail.dk zoho.com 126.com
163.com
"""
_REGISTRIES = """
ac.uk co.at co.id co.il co.in co.jp co.kr co.nz co.th co.uk co.za com.ar com.au com.br com.cn com.hk com.mx com.my
com.pl com.sg com.tr com.tw com.ua com.vn edu.au gov.au gov.uk ltd.uk me.uk ne.jp net.au net.nz net.uk nhs.uk or.at
or.jp org.au org.nz org.uk plc.uk sch.uk
"""
#: By their keys; see `address.domain_key`.
SHARED_DOMAINS = frozenset((_PROVIDERS + _REGISTRIES).split())

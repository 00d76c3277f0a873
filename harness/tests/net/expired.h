/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate of 2024: nobody can make one that has expired already. */
#ifndef CRYO_TESTS_NET_EXPIRED_H
#define CRYO_TESTS_NET_EXPIRED_H

static const char expired_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBGDCBvwIUFLG5iIJHUw1gm3nJ8fTDnBs8iH4wCgYIKoZIzj0EAwIwDzENMAsG\n"
    "A1UEAwwEb3ZlcjAeFw0yNDAxMDEwMDAwMDBaFw0yNTAxMDEwMDAwMDBaMA8xDTAL\n"
    "BgNVBAMMBG92ZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT4nqbV2OCIU8ab\n"
    "OKFo189vWBrnKHywixDAs5NvfHxj+lLU0QSQ3Fo4qrk8axSDc+KZ4FrNS7Pv8RHM\n"
    "u2U8puiVMAoGCCqGSM49BAMCA0gAMEUCIFaGcKLpaudalIp4LBlylyqf2juQGrL5\n"
    "RA6E5wVJw6FiAiEAwrr+2jse3+HWCc1g+Igq57GdfPN5le/EJdD2SdDuH9A=\n"
    "-----END CERTIFICATE-----\n";

#endif

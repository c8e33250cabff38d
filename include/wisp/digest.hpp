// SHA-1, SHA-256 and SHA-512, and RSA signatures over them, by libcrypto.
#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/error.hpp"
#include "wisp/sink.hpp"
#include "wisp/text.hpp"
#include "wisp/view.hpp"

namespace wisp {

enum class DigestAlgorithm { sha1, sha256, sha512 };

/// Makes libcrypto ready without its configuration file, the machine's or $OPENSSL_CONF's: no other provider, engine or
/// policy has a part in what a digest is and whose signature is good.
inline void prepare_libcrypto() {
    static const int ready = OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    if (ready != 1) throw Error("libcrypto", "cannot be used", Fault::system);
}

/// libcrypto's description of an algorithm; never null.
inline const EVP_MD* evp(DigestAlgorithm algorithm) {
    prepare_libcrypto();
    switch (algorithm) {
        case DigestAlgorithm::sha1: return EVP_sha1();
        case DigestAlgorithm::sha256: return EVP_sha256();
        case DigestAlgorithm::sha512: break;
    }
    return EVP_sha512();
}

/// A running digest.
class Digest {
public:
    explicit Digest(DigestAlgorithm algorithm) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
        if (!context_ || EVP_DigestInit_ex(context_.get(), evp(algorithm), nullptr) != 1)
            throw Error("digest", "libcrypto offers no such algorithm", Fault::system);
    }

    void update(Bytes bytes) {
        if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1)
            throw Error("digest", "libcrypto cannot go on", Fault::system);
    }

    /// The digest of all bytes so far. The object is spent.
    std::vector<std::uint8_t> finish() {
        std::vector<std::uint8_t> value(EVP_MAX_MD_SIZE);
        unsigned length = 0;
        if (EVP_DigestFinal_ex(context_.get(), value.data(), &length) != 1)
            throw Error("digest", "libcrypto cannot finish", Fault::system);
        value.resize(length);
        return value;
    }

private:
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

/// The digest of bytes in memory.
inline std::vector<std::uint8_t> digest_of(DigestAlgorithm algorithm, Bytes bytes) {
    Digest digest(algorithm);
    digest.update(bytes);
    return digest.finish();
}

/// Passes everything on and digests what passes.
class DigestSink : public Sink {
public:
    DigestSink(DigestAlgorithm algorithm, Sink& out) : digest_(algorithm), out_(out) {}

    /// The digest of what has passed. The object is spent.
    std::vector<std::uint8_t> digest() { return digest_.finish(); }

    std::span<std::uint8_t> room() override { return out_.room(); }

private:
    void append(Bytes bytes) override {
        digest_.update(bytes);
        out_.write(bytes);
    }

    Digest digest_;
    Sink& out_;
};

/// An RSA public key that checks PKCS#1 v1.5 signatures [RFC 8017, 8.2.2].
class RsaPublicKey {
public:
    /// `pem` is a SubjectPublicKeyInfo ("BEGIN PUBLIC KEY"); anything else is refused under `name`.
    RsaPublicKey(std::string_view pem, std::string_view name) : key_(nullptr, EVP_PKEY_free) {
        prepare_libcrypto();
        const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
            BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
        if (bio) key_.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
        ERR_clear_error();
        if (!key_) refuse(name, "is not a public key in PEM");
        if (EVP_PKEY_get_base_id(key_.get()) != EVP_PKEY_RSA) refuse(name, "is not an RSA key");
    }

    /// Whether `signature` is this key's over `digest`, a value of `algorithm`: whether it holds just that. libcrypto is asked
    /// what it holds, and not whether it is good, so a system whose libcrypto takes no SHA-1 for signing new things, whatever
    /// is configured, does not hide a valid old signature.
    bool verifies(DigestAlgorithm algorithm, Bytes digest, Bytes signature) const {
        const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
            EVP_PKEY_CTX_new(key_.get(), nullptr), EVP_PKEY_CTX_free);
        if (!context || EVP_PKEY_verify_recover_init(context.get()) != 1 ||
            EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1)
            throw Error("signature", "libcrypto cannot verify RSA", Fault::system);
        std::vector<std::uint8_t> held(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())));
        std::size_t size = held.size();
        const bool padded =
            EVP_PKEY_verify_recover(context.get(), held.data(), &size, signature.data(), signature.size()) == 1;
        ERR_clear_error();
        held.resize(padded ? size : 0);
        return held == digest_info(algorithm, digest);
    }

private:
    /// DER of a DigestInfo: what names the algorithm, and the digest [RFC 8017, 9.2, note 1].
    static std::vector<std::uint8_t> digest_info(DigestAlgorithm algorithm, Bytes digest) {
        std::vector<std::uint8_t> info;
        switch (algorithm) {
            case DigestAlgorithm::sha1:
                info = {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14};
                break;
            case DigestAlgorithm::sha256:
                info = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
                break;
            case DigestAlgorithm::sha512:
                info = {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                        0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40};
                break;
        }
        info.insert(info.end(), digest.begin(), digest.end());
        return info;
    }

    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

} // namespace wisp

# frozen_string_literal: true

require "openssl"

module Hyperglyph
  module Server
    # References: the state of an object in its URL, signed (standard, section 17).
    #
    # A reference is `base64url(version, code, state)` without padding: one octet, the first 16 octets of an
    # HMAC-SHA256 over purpose, name of the class and state, and the canonical form of the state. It can be read
    # by whoever holds it, and made only by who has the secret.
    class References
      VERSION = 1
      CODE_OCTETS = 16
      SECRET_OCTETS = 16
      PURPOSE = "hyperglyph reference 1"
      ALPHABET = /\A[A-Za-z0-9\-_]+\z/.freeze

      # secrets: the first one signs, each of them may have signed (rotation). At least 16 octets each.
      def initialize(secrets)
        @secrets = Array(secrets).map { |secret| secret.to_s.b.freeze }.freeze
        return if !@secrets.empty? && @secrets.all? { |secret| secret.bytesize >= SECRET_OCTETS }

        raise ArgumentError, "a secret of at least #{SECRET_OCTETS} octets is needed to sign references: " \
                             "make one with SecureRandom.bytes(32) and keep it over restarts"
      end

      # Without the secrets: this stands in what Ruby prints of a router or application.
      def inspect
        "#<#{self.class} #{@secrets.size} secrets>"
      end

      # The reference for a state, a Hash of text to data, of the class registered under this name. Raises
      # Codec::EncodeError and ArgumentError for a state that is no plain data.
      def sign(name, state)
        raise ArgumentError, "the state of a #{name} holds a blob: keep it elsewhere, under a name" if Server.blob?(state)

        octets = Codec.encode(state, canonical: true)
        pack([VERSION].pack("C") + code(@secrets.first, name, octets) + octets)
      end

      # The state that a reference holds. Raises Refusal with 400 if it was not made here for this class, or is
      # spelled in another way (REQ-REF-4), with 410 if its state cannot be read any more (REQ-REF-3).
      def read(name, text)
        octets = unpack(text)
        signed, state = octets[1, CODE_OCTETS], octets[1 + CODE_OCTETS..]
        genuine = octets.getbyte(0) == VERSION && !state.nil? &&
                  @secrets.map { |secret| same?(code(secret, name, state), signed) }.any?
        raise Refusal.new(400, "the reference is forged or damaged: its signature does not fit") unless genuine

        decode(state)
      end

      private

      def code(secret, name, octets)
        signed = [PURPOSE, name.b].map { |part| [part.bytesize].pack("N") + part.b }.join + octets
        OpenSSL::HMAC.digest("SHA256", secret, signed)[0, CODE_OCTETS]
      end

      def same?(one, other)
        one.bytesize == other.bytesize && OpenSSL.fixed_length_secure_compare(one, other)
      end

      def pack(octets)
        [octets].pack("m0").tr("+/", "-_").delete("=")
      end

      # The octets, if this is the one spelling of them; nothing, which no signature fits, if not.
      def unpack(text)
        return "" unless ALPHABET.match?(text)

        octets = "#{text.tr('-_', '+/')}#{'=' * (-text.length % 4)}".unpack1("m")
        pack(octets) == text ? octets : ""
      end

      def decode(octets)
        state = Codec.decode(octets)
        raise Refusal.new(410, "the reference is from before a change that it does not fit") unless state.is_a?(Hash)

        state
      rescue Codec::DecodeError
        raise Refusal.new(410, "the reference is from before a change that it does not fit")
      end
    end
  end
end

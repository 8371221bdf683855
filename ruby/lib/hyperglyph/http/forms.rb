# frozen_string_literal: true

require_relative "headers"

module Hyperglyph
  module HTTP
    # Envelopes: how the arguments of a call travel (standard, section 18.3).
    module Forms
      # The envelopes of each method, its default first.
      ENVELOPES = {
        "POST" => %w[form none blob], "GET" => %w[query none],
        "PUT" => %w[blob form], "PATCH" => %w[blob form],
        "DELETE" => %w[none query blob form]
      }.freeze
      UNSAFE_METHODS = %w[POST PUT PATCH DELETE].freeze
      METHODS = ENVELOPES.keys.freeze
      # Headers that a form may set, in lower case (REQ-FORM-4).
      FORM_HEADERS = %w[accept if-match if-none-match if-modified-since if-unmodified-since].freeze
      MAX_INPUTS = 100

      # Octets that cannot be read as what the envelope says: the message says why.
      class Malformed < StandardError; end
      # A header that the envelope needs is not there, or stands twice (415, REQ-ENV-13).
      class Unnamed < StandardError; end

      UNRESERVED = /[^A-Za-z0-9\-._~]/n.freeze

      module_function

      # Octets as a query: each but letters, digits and -._~ percent-encoded (REQ-ENV-3).
      def percent_encode(octets)
        octets.b.gsub(UNRESERVED) { |octet| format("%%%02X", octet.ord) }.force_encoding(Encoding::UTF_8)
      end

      # The octets that a query stands for; `+` is a space (REQ-ENV-4). Raises Malformed for half an escape.
      def query_decode(query)
        percent_decode(query.tr("+", " "))
      end

      # The octets that escapes stand for. Raises Malformed for a `%` without two hexadecimal digits.
      def percent_decode(text)
        raise Malformed, "a '%' without two hexadecimal digits" if /%(?!\h\h)/n.match?(text.b)

        text.b.gsub(/%(\h\h)/n) { Regexp.last_match(1).hex.chr }
      end

      # The Content-Disposition for an argument of this name (REQ-ENV-8).
      def disposition(name)
        name = name.encode(Encoding::UTF_8)
        return "form-data; name*=UTF-8''#{percent_encode(name)}" unless Headers::PRINTABLE.match?(name)

        "form-data; name=\"#{name.gsub(/["\\]/) { |character| "\\#{character}" }}\""
      end

      # The name of the argument that a Content-Disposition says, as text. Raises Unnamed if it is missing or
      # stands twice, Malformed if it cannot be read or is not `form-data`.
      def disposition_name(field)
        raise Unnamed, "the body is a blob: its argument is named by Content-Disposition" if field.nil?
        raise Unnamed, "two Content-Disposition" if Headers.list(field).size > 1

        type, parameters = Headers.parameters(field)
        raise Malformed, "Content-Disposition is not form-data" unless type == "form-data"

        text(extended(parameters["name*"]) || parameters["name"])
      rescue MalformedHeader => error
        raise Malformed, "Content-Disposition cannot be read: #{error.message}"
      end

      def extended(value)
        return if value.nil?

        charset, encoded = value.split(/'[^']*'/, 2)
        return percent_decode(encoded) if encoded && charset.casecmp?("utf-8")

        raise Malformed, "name* of Content-Disposition is not UTF-8''…"
      end

      def text(octets)
        raise Malformed, "Content-Disposition names no argument" if octets.nil?

        name = octets.dup.force_encoding(Encoding::UTF_8)
        raise Malformed, "the name in Content-Disposition is not UTF-8" unless name.valid_encoding?

        name
      end
      private_class_method :extended, :text
    end
  end
end

# frozen_string_literal: true

require "cgi"

module Hyperglyph
  class Client
    # What an answer means (standard, sections 19.1, 19.5 and 19.6).
    class Answer
      WORDS = 500           # characters of what a text or page says
      TEXT = 8_192          # octets of it that are looked at
      SMALL = 65_536        # octets of a blob that is read at once
      TOLD = %w[text/plain text/html].freeze

      def initialize(client, page, response, call, deadline)
        @client = client
        @page = page
        @response = response
        @call = call
        @deadline = deadline
        @status = response.status
      end

      def result
        return unchanged if @status == 304 && !@call.unchanged.nil?
        return failure unless @status.between?(200, 299)
        return dropped(nil) if [204, 205].include?(@status)

        location = Attributes.as_text(@response.field("location")) if @status == 201
        return dropped(Link.to(@page, HTTP::URL.join(@page.url, location))) if location

        content
      end

      private

      def dropped(value)
        @response.body.drain(Exchange::DRAINED, @deadline)
        value
      end

      def unchanged
        dropped(@call.unchanged)
      end

      def content
        case type
        when HTTP::MEDIA_TYPE then @page.value(message(body))
        when HTTP::SEQUENCE_TYPE then Sequence.new(@client, @page, body)
        else blob
        end
      end

      def type
        HTTP::Headers.media_type(@response.field("content-type"))
      end

      # The body with its coding undone. MalformedAnswer for another one than gzip, and for two layers.
      def body
        codings = Array(@response.fields["content-encoding"]).flat_map { |field| field.split(",") }
        codings = codings.map { |coding| coding.strip.downcase } - ["identity", ""]
        return @response.body if codings.empty?
        return Inflated.new(@response.body) if codings == ["gzip"]

        @response.body.close
        raise MalformedAnswer, "the coding of the body is #{codings.join(', ').inspect[0, 60]}, and not gzip"
      end

      # The value of a body that is one message.
      def message(body)
        decoder = Codec::Decoder.new(limits: @client.limits)
        while (piece = body.read(@deadline))
          decoder.feed(piece)
        end
        decoder.finish
      rescue Codec::DecodeError => e
        body.close
        raise MalformedAnswer, "the message in the answer: #{e.message}"
      ensure
        decoder&.close unless decoder&.finished?
      end

      # REQ-STATUS-12. A small one is read at once; another one while the user reads it.
      def blob
        type = Attributes.as_text(@response.field("content-type"))
        type = Blob::DEFAULT_TYPE if type.nil? || type.empty?
        stream = Stream.new(body, @client)
        plain = @response.fields["content-encoding"].nil?
        small = plain && @response.body.length && @response.body.length <= SMALL
        content = small ? stream.read_all(@deadline) : stream
        Blob.new(content, content_type: type, attributes: { "url" => @page.url })
      end

      # Raises the StatusError that this answer is. What its body says is told as far as it can be read.
      def failure
        raise StatusError.for(@status, **details)
      end

      def details
        case type
        when HTTP::MEDIA_TYPE then declared
        when *TOLD then { reason: words }
        else dropped({})
        end
      rescue Error
        {}
      ensure
        @response.body.close
      end

      def declared
        value = @page.value(message(body))
        return {} unless value.is_a?(Failure)

        { reason: value.message, logref: value.logref, code: value.code, content: value.content }
      end

      # REQ-STATUS-6.
      def words
        octets = "".b
        source = body
        while octets.bytesize < TEXT && (piece = source.read(@deadline))
          octets << piece
        end
        text = octets.byteslice(0, TEXT).force_encoding(Encoding::UTF_8).scrub("?")
        text = plain(text) if type == "text/html"
        text = text.gsub(/(?:[[:space:]]|[[:cntrl:]])+/, " ").strip[0, WORDS]
        text unless text.empty?
      end

      def plain(html)
        CGI.unescapeHTML(html.gsub(/<!--.*?-->|<(script|style)\b.*?<\/\1\s*>/mi, " ").gsub(/<[^>]*>?/m, " "))
      end
    end

    # The content of a blob that comes as the body of an answer: an IO, as far as it is read. It may be read once,
    # and is given up by `close`. Each wait lasts at most as long as the client's calls.
    class Stream
      def initialize(body, client)
        @body = body
        @client = client
        @buffer = "".b
        @octets = 0
        @told = false
      end

      # Up to so many octets, nil at the end; without a number all that is left; into a String if one is given. Raises
      # TransportError where it is cut short, MalformedAnswer beyond the limits, and IOError after its end was told.
      def read(octets = nil, into = nil)
        raise IOError, "the content of this blob was read already: keep it where it is needed twice" if @told

        piece = octets ? some(octets) : read_all
        return piece unless into

        into.replace(piece || "")
        piece && into
      end

      def read_all(deadline = nil)
        nil while more(deadline)
        @told = true
        @buffer.slice!(0, @buffer.bytesize)
      end

      def close
        @body.close
      end

      private

      def some(octets)
        nil while @buffer.bytesize < octets && more(nil)
        return @buffer.slice!(0, octets) if octets.zero? || !@buffer.empty?

        @told = true
        nil
      end

      def more(deadline)
        piece = @body.read(deadline || HTTP::Deadline.current.sooner(@client.timeout)) or return false

        @octets += piece.bytesize
        if @octets > @client.limits.blob_octets
          close
          raise MalformedAnswer, "a blob may have #{@client.limits.blob_octets} octets"
        end
        @buffer << piece
        true
      end
    end
  end
end
